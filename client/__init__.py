"""Calling services: connect to Redis, take a stub of a service, and call its methods.

A stub from `connect` and a binding on a worker's `env` are the same thing and behave alike.
"""

from broker.errors import (
    BrokerUnavailable,
    CallAbandoned,
    CallCancelled,
    CallTimeout,
    DataCloneError,
    InvalidArguments,
    MethodNotFound,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    RemoteError,
    ReservedMethod,
    RpcError,
    ServiceUnavailable,
    StubBroken,
    StubDisposed,
)
from client.blocking import connect_blocking, read
from client.services import Services, connect
from client.stub import Call, Member, Stub, options, submit

__all__ = [
    "BrokerUnavailable",
    "Call",
    "CallAbandoned",
    "CallCancelled",
    "CallTimeout",
    "DataCloneError",
    "InvalidArguments",
    "Member",
    "MethodNotFound",
    "Overloaded",
    "PayloadTooLarge",
    "ProtocolError",
    "RemoteError",
    "ReservedMethod",
    "RpcError",
    "ServiceUnavailable",
    "Services",
    "Stub",
    "StubBroken",
    "StubDisposed",
    "connect",
    "connect_blocking",
    "options",
    "read",
    "submit",
]

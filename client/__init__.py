"""Calling services: connect to Redis, take a stub of a service, and call its methods.

A stub from `connect` and a binding on a worker's `env` are the same thing and behave alike.
"""

from broker.errors import (
    AuthenticationFailed,
    BrokerUnavailable,
    CallAbandoned,
    CallCancelled,
    CallTimeout,
    ConfigurationError,
    DataCloneError,
    IdempotencyConflict,
    InvalidArguments,
    InvalidResult,
    MethodNotFound,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    RemoteError,
    ReservedMethod,
    RpcError,
    ServiceUnavailable,
    StreamBroken,
    StubBroken,
    StubDisposed,
)
from broker.methods.target import RpcTarget
from broker.names import InvalidName
from client.blocking.services import BlockingServices, connect_blocking, read
from client.calling.call import Call
from client.calling.member import Member
from client.services import Services, connect
from client.stubs.handles import BlockingHandle, Handle
from client.stubs.object_stub import RpcStub
from client.stubs.stub import Stub, on_broken, options, submit

__all__ = [
    "AuthenticationFailed",
    "BlockingHandle",
    "BlockingServices",
    "BrokerUnavailable",
    "Call",
    "CallAbandoned",
    "CallCancelled",
    "CallTimeout",
    "ConfigurationError",
    "DataCloneError",
    "Handle",
    "IdempotencyConflict",
    "InvalidArguments",
    "InvalidName",
    "InvalidResult",
    "Member",
    "MethodNotFound",
    "Overloaded",
    "PayloadTooLarge",
    "ProtocolError",
    "RemoteError",
    "ReservedMethod",
    "RpcError",
    "RpcStub",
    "RpcTarget",
    "ServiceUnavailable",
    "Services",
    "StreamBroken",
    "Stub",
    "StubBroken",
    "StubDisposed",
    "connect",
    "connect_blocking",
    "on_broken",
    "options",
    "read",
    "submit",
]

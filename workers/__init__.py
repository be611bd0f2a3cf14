"""The names that services import: `from workers import WorkerEntrypoint, Response`."""

from typing import TYPE_CHECKING, Any

from broker.http import Blob, File, FormData, Headers, Request, Response
from broker.methods.target import RpcTarget
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.env.importable import env, exports, wait_until, waitUntil
from worker_runtime.env.overriding import patch_env, with_env

if TYPE_CHECKING:
    from client.fetching.outgoing import fetch
    from client.session.signals import AbortController, AbortSignal
    from client.stubs.object_stub import RpcStub

__all__ = [
    "AbortController",
    "AbortSignal",
    "Blob",
    "File",
    "FormData",
    "Headers",
    "Request",
    "Response",
    "RpcStub",
    "RpcTarget",
    "WorkerEntrypoint",
    "env",
    "exports",
    "fetch",
    "patch_env",
    "waitUntil",
    "wait_until",
    "with_env",
]

_LATER = {
    "AbortController": "client.session.signals",
    "AbortSignal": "client.session.signals",
    "RpcStub": "client.stubs.object_stub",
    "fetch": "client.fetching.outgoing",
}
"""Names whose modules need what a service that only answers does not."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)

"""The names that services import: `from workers import WorkerEntrypoint, Response`."""

from broker.http import Headers, Request, Response
from worker_runtime.context import env, wait_until, waitUntil
from worker_runtime.entrypoint import WorkerEntrypoint

__all__ = ["Headers", "Request", "Response", "WorkerEntrypoint", "env", "waitUntil", "wait_until"]

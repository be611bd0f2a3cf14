"""The `fetch` of a default entrypoint with assets in front of it, as the runtime calls it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from broker.errors import MethodNotFound
from broker.http import Request, Response
from broker.methods.arguments import Arguments
from broker.methods.method import Method
from broker.methods.policy import Policy
from worker_runtime.assets.front import Front
from worker_runtime.entrypoint import WorkerEntrypoint


class FrontedFetch(Method):
    """A `fetch` handler that asks the assets first.

    It asks of the runtime what the handler of the service asks: an `async def` runs on the event loop, and files are
    then read in a thread; a plain `def` runs in a thread, and files are read in the same one.
    """

    __slots__ = ("_front", "_own")

    def __init__(self, front: Front, own: Method | None) -> None:
        """Put *front* before *own*, the handler of the service if it has one."""
        self.name = self.kind = "fetch"
        self.is_async = own is None or own.is_async
        self.is_async_generator = False
        self.policy = Policy() if own is None else own.policy
        self.validate = _request_only
        self.check_result = None
        self._front = front
        self._own = own

    def bind(self, instance: object) -> Callable[..., Any]:
        """What to call with the request, for *instance*."""
        own = _missing if self._own is None else self._own.bind(instance)

        def own_fetch(request: object) -> Any:
            args = (request,) if self._own is None else self._own.validate([request], {})[0]
            return own(*args)

        def fetch(request: object) -> Any:
            if _on_event_loop():
                return self._fetch(request, own_fetch)
            response = self._front.answer(request) if isinstance(request, Request) else None
            return own_fetch(request) if response is None else response

        return fetch

    async def _fetch(self, request: object, own_fetch: Callable[[object], Any]) -> Any:
        if isinstance(request, Request) and self._front.may_answer(request):
            response = await asyncio.to_thread(self._front.answer, request)
            if response is not None:
                return response
        value = own_fetch(request)
        return await value if inspect.isawaitable(value) else value


class AssetsOnly(WorkerEntrypoint):
    """A default entrypoint without code of its own: the assets in front of it answer."""


def _missing(_request: object) -> Response:
    raise MethodNotFound("Handler does not export a fetch() function.")


def _request_only(args: Sequence[Any], _kwargs: Mapping[str, Any]) -> Arguments:
    return (args[0] if args else None,), {}


def _on_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

"""What a test may look at afterwards: the calls made through replaced bindings, and the background tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from broker.methods.method import Method
from broker.methods.visibility import Member


class CallMade(NamedTuple):
    """A call as its callee got it; equal to a plain tuple of the three.

    Attributes:
        method: The name of the method, "fetch" for a request.
        args: Its arguments, after validation where the callee validates.
        kwargs: Its keyword arguments.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class RecordedMethod(Method):
    """A method that tells *record* of each of its calls, then does what it does."""

    __slots__ = ("_record",)

    def __init__(self, cls: type, member: Member, record: Callable[[CallMade], object]) -> None:
        super().__init__(cls, member)
        self._record = record

    def bind(self, instance: object) -> Callable[..., Any]:
        """What to call for *instance*."""
        function = super().bind(instance)
        if self.kind == "property":
            return function

        def recorded(*args: Any, **kwargs: Any) -> Any:
            self._record(CallMade(self.name, args, kwargs))
            return function(*args, **kwargs)

        return recorded


class BackgroundTask(NamedTuple):
    """A `waitUntil` task that has ended.

    Attributes:
        name: The name of the coroutine function, or the type of whatever else was waited for.
        result: What it returned.
        error: What it raised; a `CancelledError` where it was cancelled.
    """

    name: str
    result: Any = None
    error: BaseException | None = None


def background_task(name: str, ended: asyncio.Future[Any]) -> BackgroundTask:
    """How the task *ended*."""
    if ended.cancelled():
        return BackgroundTask(name, error=asyncio.CancelledError(f"{name} was cancelled"))
    if (error := ended.exception()) is not None:
        return BackgroundTask(name, error=error)
    return BackgroundTask(name, result=ended.result())


def name_of(awaitable: Any) -> str:
    """What to call a background task."""
    if isinstance(awaitable, asyncio.Task):
        awaitable = awaitable.get_coro()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if inspect.iscoroutine(awaitable):
        return awaitable.__name__
    return type(awaitable).__name__  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

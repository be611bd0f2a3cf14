"""`ctx`: one call as its method sees it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, NoReturn, Protocol, cast

from broker.errors import StandIn

_log: Final = logging.getLogger("callyard.worker")

_NO_TASKS: Final[AbstractSet[asyncio.Future[Any]]] = frozenset()
"""What most calls have; only those that start one get a set of their own."""


ABORTED: Final = "Worker execution was aborted due to call to ctx.abort()."
OUT_OF_TIME: Final = (
    "waitUntil() tasks did not complete within the allowed time after invocation end and have been cancelled."
)
GLOBAL_SCOPE: Final = "Disallowed operation called within global scope."

_LETTING_GO: Final = 1.0
"""Seconds that cancelled tasks get to clean up before the call ends without them."""


class CallAborted(StandIn):
    """Raised by `ctx.abort()` to leave the method; no `except Exception` stops it. Its error is the reason."""


class DrainOutcome(NamedTuple):
    """How the background tasks of a call ended: how many failed, how many had to be cancelled."""

    failed: int
    cancelled: int


watching: Final[contextvars.ContextVar[Callable[[Any, asyncio.Future[Any]], object] | None]] = contextvars.ContextVar(
    "callyard.watching", default=None
)
"""Told of each background task: what `waitUntil` was given, and the future of its end."""


class Context:
    """One call, seen from inside.

    Attributes:
        props: What the binding of the caller was configured with; whoever may write to the Redis can claim any.
        exports: The entrypoints of this service, as bindings.
        call_id: The ID of the call.
        attempt: How often the call has been delivered, this time included.
        cancelled: Whether the caller has gone away or cancelled.
        tasks: The background tasks that have not ended.
        aborted: What `abort` was called with, once it was.
        on_abort: Called on the event loop after `abort`, so that the runtime can end the method.
    """

    __slots__ = (
        "_call_id", "_ended", "_expires", "_failed", "_loop", "aborted", "attempt", "cancelled", "exports", "on_abort",
        "props", "tasks",
    )  # fmt: skip

    def __init__(
        self,
        call_id: str,
        loop: asyncio.AbstractEventLoop,
        expires: float | None = None,
        attempt: int = 1,
        props: Mapping[str, Any] | None = None,
        exports: Any = None,
    ) -> None:
        """Describe a call that runs on *loop* and expires at *expires* (seconds since the epoch)."""
        self._call_id = call_id
        self.attempt = attempt
        self.props: Mapping[str, Any] = {} if props is None else props
        self.exports = exports
        self.cancelled = False
        self.tasks: AbstractSet[asyncio.Future[Any]] = _NO_TASKS
        self.aborted: BaseException | None = None
        self.on_abort: Callable[[], object] | None = None
        self._loop = loop
        self._expires = expires
        self._failed = 0
        self._ended = False

    @property
    def call_id(self) -> str:
        """The ID of the call."""
        return self._call_id

    @property
    def fencing_token(self) -> int:
        """Higher for each worker that this call was handed to.

        Write it with `call_id` wherever the method writes, and let the other side refuse what comes
        with the same ID and a lower token: that is a former worker which does not know yet.
        """
        return self.attempt

    @property
    def deadline(self) -> datetime | None:
        """The moment (aware) after which nobody waits for the answer any more."""
        return None if self._expires is None else datetime.fromtimestamp(self._expires, UTC)

    def wait_until(self, awaitable: Awaitable[Any] | concurrent.futures.Future[Any]) -> None:
        """Start *awaitable* at once and keep the call open until it has ended; the reply does not wait for it.

        A failure is logged and counted, and disturbs nothing else. May be called from any thread
        and from inside such a task.

        Raises:
            TypeError: *awaitable* cannot be awaited.
            RuntimeError: The call has ended.
        """
        if not _is_awaitable(awaitable):
            raise TypeError(f"waitUntil() takes an awaitable, not {type(awaitable).__name__}.")
        if self._ended:
            discard(awaitable)
            raise RuntimeError("waitUntil() was called after the call had ended.")
        if _running_loop() is self._loop:
            self._start(awaitable)
        else:
            # The result of a method in a thread takes the same way, after this: the drain cannot miss the task.
            self._loop.call_soon_threadsafe(self._start, awaitable)

    waitUntil = wait_until  # noqa: N815

    def abort(self, reason: object = None) -> NoReturn:
        """End the call; its caller gets *reason* if that is an exception, else a `RuntimeError` with its text.

        Raises:
            CallAborted: Always: it leaves the method. Nothing after it is run.
        """
        if self.aborted is None:
            text = ABORTED if reason is None else str(reason)
            self.aborted = reason if isinstance(reason, BaseException) else RuntimeError(text)
            if self.on_abort is not None:
                self._loop.call_soon_threadsafe(self.on_abort)
        raise CallAborted(self.aborted)

    def mark_cancelled(self) -> None:
        """Record that the caller went away: `cancelled` is true from now on."""
        self.cancelled = True

    def close(self) -> None:
        """End the call where there is nothing to wait for: no task can be added any longer."""
        self._ended = True
        # It leads to what holds this context: a circle that only the garbage collector would undo.
        self.on_abort = None

    async def drain(self, limit: float, *, final: bool = True) -> DrainOutcome:
        """Wait until every background task has ended, those registered meanwhile included.

        What has not ended after *limit* seconds is cancelled. When this returns, nothing of the
        call runs and no task can be added, unless this was not the *final* time. Cancelling it cancels the tasks.
        """
        last = self._loop.time() + limit
        try:
            while self.tasks and (left := last - self._loop.time()) > 0:
                await asyncio.wait(self.tasks, timeout=left)
        finally:
            self._ended = self._ended or final
            leftovers = list(self.tasks)
            for task in leftovers:
                task.cancel()
        if leftovers:
            _log.warning("%s call=%s tasks=%d", OUT_OF_TIME, self.call_id, len(leftovers))
            await asyncio.wait(leftovers, timeout=_LETTING_GO)
        return DrainOutcome(self._failed, len(leftovers))

    def _start(self, awaitable: Any) -> None:
        if self._ended:
            discard(awaitable)
            _log.error("A waitUntil() task came after the call had ended and was not started. call=%s", self.call_id)
            return
        task = _future(awaitable, self._loop)
        if task not in self.tasks:
            if not isinstance(self.tasks, set):
                self.tasks = set()
            self.tasks.add(task)
            task.add_done_callback(self._ended_task)
            if (watch := watching.get()) is not None:
                watch(awaitable, task)

    def _ended_task(self, task: asyncio.Future[Any]) -> None:
        if isinstance(self.tasks, set):
            self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed += 1
            _log.error("A waitUntil() task failed. call=%s", self.call_id, exc_info=error)


class Invocation(Protocol):
    """What `current` holds: one call with its context and its environment."""

    @property
    def ctx(self) -> Context:
        """The call."""
        ...

    @property
    def env(self) -> Any:
        """What its service has for it."""
        ...


current: Final[contextvars.ContextVar[Invocation]] = contextvars.ContextVar("callyard.invocation")
"""The call that the running code belongs to."""


def _is_awaitable(value: object) -> bool:
    return inspect.isawaitable(value) or isinstance(value, concurrent.futures.Future)


def _future(awaitable: Any, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
    if asyncio.isfuture(awaitable):
        return awaitable
    if isinstance(awaitable, concurrent.futures.Future):
        return asyncio.wrap_future(cast("concurrent.futures.Future[Any]", awaitable), loop=loop)
    return loop.create_task(_survive(awaitable))


async def _survive(awaitable: Awaitable[Any]) -> Any:
    # asyncio lets these two stop the whole loop, and with it every other call of the process.
    try:
        return await awaitable
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"A waitUntil() task raised {type(error).__name__}.") from error


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def discard(awaitable: object) -> None:
    """Give *awaitable* up, which is not going to be started."""
    # A coroutine that is dropped unstarted would warn that nobody awaited it.
    if isinstance(awaitable, Coroutine):
        awaitable.close()

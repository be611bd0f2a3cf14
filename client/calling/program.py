"""A call that has not left yet, with the calls that were made on its result meanwhile: they travel as one program."""

from __future__ import annotations

import asyncio
import weakref
from typing import Any, Final

from broker.envelope import Step
from broker.errors import PayloadTooLarge, ProtocolError, RpcError

MOST_STEPS: Final = 64
"""Steps of one program at most; what would be more waits for its result."""


class Program:
    """Steps, and the future and handle of each. A step whose handle is gone when it leaves is not answered."""

    __slots__ = ("_handles", "_size", "futures", "sealed", "steps")

    def __init__(self, steps: list[Step], future: asyncio.Future[Any], handle: object) -> None:
        self.steps = steps
        self.futures = [future]
        self.sealed = False
        self._size = sum(len(step.body) for step in steps)
        self._handles: list[weakref.ref[Any]] = [weakref.ref(handle)]

    @property
    def full(self) -> bool:
        """Whether it takes no further step."""
        return self.sealed or len(self.steps) >= MOST_STEPS

    def add(self, step: Step, future: asyncio.Future[Any], handle: object, limit: int) -> None:
        """Run *step* too.

        Raises:
            PayloadTooLarge: the program would be larger than *limit* bytes.
        """
        self.check_room(step.body, limit)
        self._size += len(step.body)
        self.steps.append(step)
        self.futures.append(future)
        self._handles.append(weakref.ref(handle))

    def room(self, limit: int) -> int:
        """Bytes that the body of a further step may have in a message of *limit* bytes."""
        return limit - 1024 - self._size

    def check_room(self, body: bytes, limit: int) -> None:
        """Check that a step with that *body* can be added.

        Raises:
            PayloadTooLarge: the program would be larger than *limit* bytes.
        """
        if len(body) > self.room(limit):
            raise PayloadTooLarge(f"The chain of calls takes more than the {limit} bytes of a message.")

    def seal(self) -> list[int]:
        """The steps whose outcomes are wanted; it grows no further."""
        self.sealed = True
        last = len(self.steps) - 1
        want = [step for step, handle in enumerate(self._handles) if step == last or handle() is not None]
        for step, future in enumerate(self.futures):
            if step not in want:
                future.cancel()
        return want

    def settle(self, step: int, value: Any, error: BaseException | None, *, alone: bool) -> None:
        """Give a step (counted from 0) its outcome; an error that came *alone* is that of all steps."""
        if error is not None and alone:
            self.fail(error)
        elif -len(self.futures) <= step < len(self.futures):
            settle(self.futures[step], value, error)

    def fail(self, error: BaseException) -> None:
        """Let every step that has no outcome end with *error*."""
        for future in self.futures:
            if not future.done():
                future.set_exception(error)

    def end(self) -> None:
        """Let no step wait that the other side said nothing of."""
        for future in self.futures:
            if not future.done():
                future.set_exception(ProtocolError("The reply says nothing of this step.", executed="yes"))

    @property
    def done(self) -> bool:
        """Whether nobody waits for any step."""
        return all(future.done() for future in self.futures)


def settle(future: asyncio.Future[Any], value: Any, error: BaseException | None) -> None:
    """Give *future* its outcome unless it has one, or nobody wants it."""
    if not future.done():
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def failed(error: RpcError, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Any]:
    """A future with that error."""
    future: asyncio.Future[Any] = loop.create_future()
    future.set_exception(error)
    return future

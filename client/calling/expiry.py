"""Deadlines of open calls: one timer for all that end within the same hundredth of a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar


class Due(Protocol):
    """What ends at a deadline."""

    @property
    def sequence(self) -> int:
        """What tells it from all others."""
        ...

    @property
    def deadline(self) -> float:
        """Seconds of the event loop's clock."""
        ...


_Call = TypeVar("_Call", bound=Due)

PER_SECOND: Final = 100
"""Moments per second at which calls are ended; a call ends at the first one after its deadline."""


class Expiry(Generic[_Call]):
    """Tells *expired* of each call whose deadline passes while it is here."""

    def __init__(self, expired: Callable[[_Call], None]) -> None:
        self._expired = expired
        self._due: dict[int, tuple[dict[int, _Call], asyncio.TimerHandle]] = {}

    def add(self, call: _Call, loop: asyncio.AbstractEventLoop) -> None:
        """Watch *call* until `remove`."""
        moment = int(call.deadline * PER_SECOND) + 1
        due = self._due.get(moment)
        if due is None:
            due = self._due[moment] = ({}, loop.call_at(moment / PER_SECOND, self._end, moment))
        due[0][call.sequence] = call

    def remove(self, call: _Call) -> None:
        """Forget *call*; one that is not here is no mistake."""
        due = self._due.get(int(call.deadline * PER_SECOND) + 1)
        if due is not None:
            calls = due[0]
            calls.pop(call.sequence, None)
            if not calls:
                # A dict keeps the room that it once needed, here for as long as its moment is away.
                calls.clear()

    def close(self) -> None:
        """Forget everything."""
        for _, timer in self._due.values():
            timer.cancel()
        self._due.clear()

    def _end(self, moment: int) -> None:
        calls, _ = self._due.pop(moment)
        for call in list(calls.values()):
            self._expired(call)

"""From what surrounds a call to its deadline: pure arithmetic over clocks that are passed in."""

from __future__ import annotations

import math
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds that a call may take where nothing says otherwise."""

enclosing_deadline: ContextVar[float] = ContextVar("enclosing_deadline", default=math.inf)
"""Deadline of the call that this code runs for, in seconds of the event loop's clock."""


@dataclass(slots=True)
class RedisClock:
    """Redis's clock as seen from here: one offset, refreshed by whoever asks Redis for its time.

    Local wall clocks never matter: the offset is against the monotonic clock of this process.
    """

    offset_ms: float = 0.0

    def set(self, seconds: int, microseconds: int, *, sent: float, received: float) -> None:
        """Take the answer of `TIME`; *sent* and *received* are monotonic seconds around it."""
        self.offset_ms = seconds * 1e3 + microseconds / 1e3 - (sent + received) / 2 * 1e3

    def at(self, monotonic: float) -> int:
        """Milliseconds of Redis's clock when the monotonic clock shows *monotonic* seconds."""
        return int(monotonic * 1e3 + self.offset_ms)

    def monotonic(self, at_ms: int) -> float:
        """Monotonic seconds at which Redis's clock shows *at_ms*."""
        return (at_ms - self.offset_ms) / 1e3


def scope_deadline() -> float:
    """The deadline of anyio's cancel scopes around the running code, in seconds of the event loop's clock."""
    # While anyio has not loaded what makes its scopes there is none; asking it takes as long as encoding a call.
    if _SCOPES not in sys.modules:
        return math.inf
    import anyio

    return anyio.current_effective_deadline()


_SCOPES: Final = "anyio._backends._asyncio"


def earliest(now: float, timeout: float | None, scope: float, enclosing: float) -> float:
    """The deadline of a call in monotonic seconds.

    The earliest of: *timeout* seconds from *now* (`None`: `DEFAULT_TIMEOUT`), the deadline of the
    cancel *scope* around the call, and that of the *enclosing* call (`math.inf` where there is none).
    """
    return min(now + (DEFAULT_TIMEOUT if timeout is None else timeout), scope, enclosing, now + _LONGEST)


_LONGEST: Final = 10 * 365 * 24 * 3600.0
# An infinite timeout must still be a number of milliseconds on the wire.
assert math.isfinite(_LONGEST)

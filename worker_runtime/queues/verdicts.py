"""What a handler said about its messages, and what becomes of each of them. Pure: no clock, no Redis."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Fate(IntEnum):
    """What becomes of a message; the numbers are those of `queue_settle`."""

    DONE = 0
    AGAIN = 1
    DEAD = 2


class Outcome(NamedTuple):
    """What becomes of a message, and for how many seconds it waits before that."""

    fate: Fate
    delay: float = 0.0


class Verdicts:
    """What was said so far. The first word about a message counts, and one about it more than one about all."""

    def __init__(self) -> None:
        self.open = True
        """Whether the handler runs; what is said later comes too late."""
        self._acked: set[bytes] = set()
        self._retried: dict[bytes, float | None] = {}
        self._all_acked = False
        self._all_retried = False
        self._delay: float | None = None

    def ack(self, message: bytes) -> None:
        """Count *message* as handled."""
        if self.open and message not in self._retried and not self._all_retried:
            self._acked.add(message)

    def retry(self, message: bytes, delay: float | None) -> None:
        """Have *message* tried again, after *delay* seconds or what the queue says."""
        if self.open and message not in self._acked and not self._all_acked:
            self._retried.setdefault(message, delay)

    def ack_all(self) -> None:
        """Count all of which nothing else was said as handled."""
        if self.open and not self._all_retried:
            self._all_acked = True

    def retry_all(self, delay: float | None) -> None:
        """Have all of which nothing else was said tried again."""
        if self.open and not self._all_acked and not self._all_retried:
            self._all_retried, self._delay = True, delay

    def wish(self, message: bytes, *, failed: bool, retry_delay: float) -> Outcome:
        """What is to become of *message*, the handler having ended; *failed* says whether badly."""
        if message in self._acked:
            return Outcome(Fate.DONE)
        if message in self._retried:
            return _again(self._retried[message], retry_delay)
        if self._all_acked:
            return Outcome(Fate.DONE)
        if self._all_retried:
            return _again(self._delay, retry_delay)
        return _again(None, retry_delay) if failed else Outcome(Fate.DONE)


def limited(wish: Outcome, *, attempts: int, max_retries: int) -> Outcome:
    """*wish* for a message that was tried *attempts* times: no more than it may be is it tried again."""
    return Outcome(Fate.DEAD) if wish.fate is Fate.AGAIN and exhausted(attempts, max_retries) else wish


def exhausted(attempts: int, max_retries: int) -> bool:
    """Whether a message that was tried *attempts* times may not be tried again."""
    return attempts > max_retries


def _again(delay: float | None, retry_delay: float) -> Outcome:
    return Outcome(Fate.AGAIN, retry_delay if delay is None else delay)

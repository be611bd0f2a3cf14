"""Flow control of one stream, by chunks that are acknowledged: pure arithmetic.

The producer keeps going while what the consumer has not taken stays below the window, so a fast producer
with a slow consumer holds a bounded number of chunks wherever they are: here, in Redis, or there.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from broker.errors import ProtocolError

MOST_CHUNKS: Final = 64
"""Chunks of one stream under way at most."""
MOST_BYTES: Final = 1 << 20
"""Bytes of one stream under way at which its producer waits; the last chunk may go beyond."""


class Outflow:
    """The producing end of a stream."""

    __slots__ = ("_bytes", "_sizes", "_taken", "sent")

    def __init__(self) -> None:
        self.sent = 0
        self._taken = 0
        self._bytes = 0
        self._sizes: deque[int] = deque()

    @property
    def open(self) -> bool:
        """Whether another chunk may be sent."""
        return len(self._sizes) < MOST_CHUNKS and self._bytes < MOST_BYTES

    def send(self, size: int) -> int:
        """Count a chunk as sent and return its index."""
        self._sizes.append(size)
        self._bytes += size
        self.sent += 1
        return self.sent - 1

    def credit(self, taken: int) -> None:
        """Learn how many chunks were taken so far.

        Raises:
            ProtocolError: more than were sent, or fewer than before.
        """
        if not self._taken <= taken <= self.sent:
            raise ProtocolError(f"A stream of {self.sent} chunks cannot have {taken} taken.")
        while self._taken < taken:
            self._taken += 1
            self._bytes -= self._sizes.popleft()


class Inflow:
    """The consuming end of a stream."""

    __slots__ = ("_bytes", "_credited", "_fresh", "_sizes", "received", "taken")

    def __init__(self) -> None:
        self.received = 0
        self.taken = 0
        self._credited = 0
        self._bytes = 0
        self._fresh = 0
        self._sizes: deque[int] = deque()

    def receive(self, index: int, size: int) -> None:
        """Count a chunk that came.

        Raises:
            ProtocolError: it is not the next one, or its producer does not wait for credit.
        """
        if index != self.received:
            raise ProtocolError(f"A stream went on with chunk {index} instead of {self.received}.")
        if self.received - self._credited >= MOST_CHUNKS or self._bytes >= MOST_BYTES:
            raise ProtocolError("A stream sends more than its window allows.")
        self.received += 1
        self._bytes += size
        self._sizes.append(size)

    def take(self) -> int | None:
        """Count a chunk as taken; the number to credit the producer with, if it is time for that."""
        self.taken += 1
        self._fresh += self._sizes.popleft()
        if 2 * (self.taken - self._credited) < MOST_CHUNKS and 2 * self._fresh < MOST_BYTES:
            return None
        self._credited = self.taken
        self._bytes -= self._fresh
        self._fresh = 0
        return self.taken

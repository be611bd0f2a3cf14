"""Which messages make a batch, and when it is complete: a small machine without clock or Redis."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")


class _Waiting(NamedTuple, Generic[Item]):
    item: Item
    size: int
    since: float


class Batching(Generic[Item]):
    """Collects items until *most* are there, or they are larger than *most_bytes* together, or the first has waited.

    An item larger than that is a batch of its own. Items leave in the order in which they came.
    """

    def __init__(self, most: int, patience: float, most_bytes: int) -> None:
        self._most = most
        self._patience = patience
        self._most_bytes = most_bytes
        self._waiting: deque[_Waiting[Item]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, item: Item, size: int, now: float) -> None:
        """Let *item* of *size* bytes wait from *now* on."""
        self._waiting.append(_Waiting(item, size, now))

    @property
    def wanted(self) -> int:
        """How many more make a full batch."""
        return max(0, self._most - len(self._waiting))

    def due(self, now: float) -> float | None:
        """When the next batch is complete: *now* if it is, None where nothing waits."""
        if not self._waiting:
            return None
        if len(self._waiting) >= self._most or self._first() < len(self._waiting):
            return now
        return max(now, self._waiting[0].since + self._patience)

    def take(self, now: float) -> list[Item]:
        """The next batch if it is complete, else nothing."""
        due = self.due(now)
        if due is None or due > now:
            return []
        return [self._waiting.popleft().item for _ in range(self._first())]

    def clear(self) -> list[Item]:
        """Everything that waits; then nothing does."""
        items = [waiting.item for waiting in self._waiting]
        self._waiting.clear()
        return items

    def _first(self) -> int:
        """How many of those that wait make the next batch."""
        total = 0
        for count, waiting in enumerate(self._waiting):
            total += waiting.size
            if count == self._most or (count and total > self._most_bytes):
                return count
        return len(self._waiting)

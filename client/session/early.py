"""What a session has to say before the reply that opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from broker.codec import DEFAULT_LIMIT

if TYPE_CHECKING:
    from client.session.live import LiveSession

MOST_BATCHES: Final = 64
"""Batches that wait for one reply; a worker sends a few at most before it."""
MOST_BYTES: Final = 2 * DEFAULT_LIMIT
"""Bytes of such batches, not counting the first: a service may have raised the limit of its messages."""


class Early:
    """The batches that have overtaken the reply of a call, as they can when Redis lost the scripts."""

    __slots__ = ("_batches", "_size", "overrun")

    def __init__(self) -> None:
        self.overrun = False
        """Whether there were too many, so that some are lost."""
        self._batches: list[tuple[int, list[Any]]] = []
        self._size = 0

    def keep(self, number: int, messages: list[Any], size: int) -> None:
        """Keep a batch of *size* bytes, unless there are too many."""
        if self._batches and (len(self._batches) >= MOST_BATCHES or self._size + size > MOST_BYTES):
            self.overrun = True
        else:
            self._size += size if self._batches else 0
            self._batches.append((number, messages))

    def hand_to(self, session: LiveSession) -> None:
        """Have *session* hear them; where some are lost, it breaks."""
        for number, messages in self._batches:
            session.hear(number, messages)
        if self.overrun:
            session.break_off("The worker sent too much before its reply.")

"""The record that a caller keeps of a call until it has its outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from broker.envelope import pack_call, unpack_call

if TYPE_CHECKING:
    from client.producer import Producer


class OpenCall:
    """A call without an outcome yet.

    The entry is kept, not only the future: if Redis forgets newest writes, it is sent again.
    """

    __slots__ = ("accepted", "deadline", "entry", "future", "oneway", "path", "producer", "sequence")

    def __init__(
        self,
        sequence: int,
        entry: bytes,
        producer: Producer,
        path: tuple[str, ...],
        deadline: float,
        future: asyncio.Future[Any],
        *,
        oneway: bool,
    ) -> None:
        self.sequence = sequence
        self.entry = entry
        self.producer = producer
        self.path = path
        """Names from the entrypoint to what is called."""
        self.deadline = deadline
        """Seconds of the monotonic clock of the event loop."""
        self.future = future
        self.oneway = oneway
        """Whether being accepted is the outcome."""
        self.accepted = False
        """Whether Redis is known to hold the entry."""

    @property
    def name(self) -> str:
        """`service.method`, for error texts."""
        return f"{self.producer.service}.{'.'.join(self.path) or self.producer.entrypoint}"

    def mark_again(self) -> None:
        """Note in the entry that it is sent a second time although Redis had taken it once."""
        call = unpack_call(self.entry)
        self.entry = pack_call(call._replace(options={**call.options, "again": True}))

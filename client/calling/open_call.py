"""The record that a caller keeps of a call until it has its outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from broker.envelope import pack_call, unpack_call

if TYPE_CHECKING:
    from client.calling.producer import Producer
    from client.calling.program import Program
    from client.session.early import Early
    from client.session.live import LiveSession


class OpenCall:
    """A call without an outcome yet.

    The entry is kept, not only the future: if Redis forgets newest writes, it is sent again.
    """

    __slots__ = (
        "accepted", "batch", "deadline", "early", "entry", "future", "oneway", "path", "producer", "program",
        "sequence", "session",
    )  # fmt: skip

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
        self.batch = -1
        """The batch of its producer that it leaves with."""
        self.program: Program | None = None
        """Its steps, where further calls were made on its result."""
        self.early: Early | None = None
        """What its session had to say before its reply came."""
        self.session: LiveSession | None = None
        """What its arguments refer to, or its result does."""

    @property
    def name(self) -> str:
        """`service.method`, for error texts."""
        return f"{self.producer.service}.{'.'.join(self.path) or self.producer.entrypoint}"

    def fail(self, error: Exception) -> None:
        """Let it, and whatever hangs on it, end with *error*."""
        if not self.future.done():
            self.future.set_exception(error)
        if self.program is not None:
            self.program.fail(error)
        if self.session is not None:
            self.session.break_off("The call has ended.")

    def seal(self) -> None:
        """Complete the entry: it is about to leave, and nothing is added to its program any more."""
        if self.program is not None and not self.program.sealed:
            want = self.program.seal()
            call = unpack_call(self.entry)
            live = {} if self.session is None else {"live": True}
            wanted = {} if len(want) == 1 else {"want": want}
            self.entry = pack_call(
                call._replace(options={**call.options, **live, **wanted}, program=tuple(self.program.steps))
            )

    def mark_again(self) -> None:
        """Note in the entry that it is sent a second time although Redis had taken it once."""
        call = unpack_call(self.entry)
        self.entry = pack_call(call._replace(options={**call.options, "again": True}))

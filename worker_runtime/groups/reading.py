"""Reading the new entries of streams, as one consumer of their group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.errors import LinkLost, RpcError
from broker.keys import GROUP
from broker.link import Address, Link, ReplyError, Script, unheard

REREAD: Final = Script("reread")

LONGEST_BLOCK_MS: Final = 2000
SLOWEST_STOP: Final = LONGEST_BLOCK_MS / 1000 + 1
"""Seconds within which a reader that was stopped reads no more, woken or not."""
FLOOR_SECONDS: Final = 0.002
"""Least time of an empty read: some servers return at once from a blocking read with COUNT."""
LARGEST_READ: Final = 256
"""Entries that a read hands over at most, of one stream."""

_SILENCE: Final = LONGEST_BLOCK_MS / 1000 + 10
_REPAIRABLE: Final = frozenset({"NOGROUP", "UNBLOCKED"})

_log = logging.getLogger("callyard.worker")

Entry = tuple[bytes, Any]
"""ID and fields of an entry."""


def reading_link(address: Address, name: str) -> Link:
    """A connection for reads that block, not connected yet; *name* is how Redis lists it."""
    return Link(address, name=name, resend=False, silence=_SILENCE)


class GroupReader:
    """Hands new entries to *take*, with their stream, over a connection of its own that reads block.

    *stalled* is called when Redis was away or silent for so long that leases may have ended unfairly.
    """

    def __init__(
        self,
        commands: Link,
        link: Link,
        consumer: str,
        streams: Sequence[str],
        lease: float,
        take: Callable[[bytes, Sequence[Entry]], None],
        stalled: Callable[[], None],
    ) -> None:
        """Connect nothing yet: that is for whoever gave *link*, made by `reading_link`."""
        self.link: Final = link
        self.stopped = False
        """Whether nothing more is to be read."""
        self.block_ms: Final = int(max(20, min(LONGEST_BLOCK_MS, lease * 250)))
        """How long a read waits at most: a stalled one shows well within a lease."""
        self._commands = commands
        self._consumer = consumer
        self._streams = streams
        self._lease = lease
        self._take = take
        self._stalled = stalled
        self._heard: Final = dict.fromkeys(streams, b"0-0")
        """The last entry of each stream that this process heard of."""
        self._lost = False
        """Whether an answer was lost, and entries with it that Redis counts as delivered."""
        self._link_id: int | None = None
        self.link.on_open.append(self._identify)

    async def create_groups(self) -> None:
        """Make sure that every stream and its consumer group exist.

        Raises:
            RpcError: Redis refused it or is away.
        """
        for stream in self._streams:
            try:
                # From 0, not $: what was written before the group was made is delivered too.
                await self._commands.send("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
            except ReplyError as error:
                if error.code != "BUSYGROUP":
                    raise

    def stop(self) -> None:
        """Read nothing more. A read under way is woken; what it got all the same is still handed over."""
        self.stopped = True
        if self._link_id is not None and self._commands.connected:
            unheard(self._commands.send("CLIENT", "UNBLOCK", self._link_id))

    async def read(self, streams: Sequence[str], count: int, block_ms: int) -> None:
        """Hand over what is new in *streams*, at most *count* of each, as it comes; wait for it at most *block_ms*.

        What Redis refuses is repaired, and what a lost answer had handed over comes first. If cancelled, entries may
        stay pending for a lease.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            if self._lost:
                await self._read_again()
            answer: Any = await self.link.read(
                self._hand_over, "XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", count, "BLOCK", block_ms,
                "STREAMS", *streams, *[">"] * len(streams),
            )  # fmt: skip
        except RpcError as error:
            await self._repair(error)
            return
        # What it found has begun meanwhile: what short calls answer leaves before the next read does.
        took = loop.time() - begun
        if took > block_ms / 1000 + self._lease / 4:
            self._stalled()
        if not answer and took < FLOOR_SECONDS:
            await asyncio.sleep(FLOOR_SECONDS)

    async def _read_again(self) -> None:
        """Take what Redis counts as delivered to this consumer and nobody here ever heard of.

        Raises:
            LinkLost: the other connection is gone as well.
        """
        for stream in self._streams:
            try:
                entries: Any = await REREAD.run(
                    self._commands, [stream], [GROUP, self._consumer, LARGEST_READ, self._heard[stream]]
                )
            except ReplyError as error:
                _log.warning("%s: what a lost answer had in it waits for a lease: %s", stream, error)
                continue
            if entries:
                _log.info("%s: taking %d entries whose answer was lost", stream, len(entries))
                self._hand_over([(stream.encode(), entries)])
        self._lost = False

    def heard_of(self, stream: str, entry_id: bytes) -> None:
        """Take note of an entry that came by another way."""
        self._heard[stream] = max(self._heard[stream], entry_id, key=_order)

    def _hand_over(self, answer: Any) -> Any:
        for stream, entries in answer or ():
            self._heard[stream.decode()] = entries[-1][0]
            self._take(stream, entries)
        return answer

    async def _identify(self) -> None:
        if self._link_id is not None:
            # Not the first connection: Redis, or the way to it, was gone for a while.
            self._stalled()
        try:
            self._link_id = int(await self.link.send_now("CLIENT", "ID"))
        except ReplyError:
            # Not allowed to ask: a read that blocks then ends by itself.
            self._link_id = None

    async def _repair(self, error: RpcError) -> None:
        if isinstance(error, ReplyError) and error.code in _REPAIRABLE:
            _log.warning("making the consumer groups anew: %s", error)
            try:
                await self.create_groups()
            except RpcError as still:
                _log.warning("cannot make the consumer groups: %s", still)
        elif isinstance(error, LinkLost):
            self._lost = True
        else:
            _log.error("cannot read %s: %s", ", ".join(self._streams), error)
        await asyncio.sleep(0.05)
        await self.link.wait_open()


def _order(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition(b"-")
    return int(milliseconds), int(number)

"""Reading: new entries, and those that lost workers left pending."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Any, Final

from broker.errors import LinkLost, RpcError
from broker.keys import GROUP
from broker.link import Link, ReplyError, Script
from worker_runtime.delivery import Delivery, Source
from worker_runtime.dispatcher import Dispatcher

CLAIM: Final = Script("claim")

LARGEST_READ: Final = 256
LONGEST_BLOCK_MS: Final = 2000
FLOOR_SECONDS: Final = 0.002
"""Least time of an empty read: some servers return at once from a blocking read with COUNT."""

_REPAIRABLE: Final = frozenset({"NOGROUP", "UNBLOCKED"})

_log = logging.getLogger("callyard.worker")


class Consumer:
    """Hands the entries of *sources* to a dispatcher: only as many as it has room for.

    What lost workers left comes before anything new, or a busy worker would never get to it.
    """

    def __init__(
        self, commands: Link, reading: Link, name: str, sources: Sequence[Source], dispatcher: Dispatcher
    ) -> None:
        self.name: Final = name
        self._commands = commands
        self._reading = reading
        self._sources = list(sources)
        self._by_stream: Final = {source.stream.encode(): source for source in sources}
        self._dispatcher = dispatcher
        self._lease = min(source.serving.settings.lease for source in sources)
        self._block_ms = int(max(20, min(LONGEST_BLOCK_MS, self._lease * 250)))
        self._cursors: dict[str, bytes] = {}
        self._next_claim = 0.0
        self._stopping = False
        self._reading_id: int | None = None
        reading.on_open.append(self._identify)

    async def create_groups(self) -> None:
        """Make sure that every stream and its consumer group exist.

        Raises:
            RpcError: Redis refused it or is away.
        """
        for source in self._sources:
            try:
                # From 0, not $: calls that were queued before the group was made are delivered too.
                await self._commands.send("XGROUP", "CREATE", source.stream, GROUP, "0", "MKSTREAM")
            except ReplyError as error:
                if error.code != "BUSYGROUP":
                    raise

    def stop(self) -> None:
        """Read nothing more. A read under way is woken; what it got all the same is still delivered."""
        self._stopping = True
        if self._reading_id is not None and self._commands.connected:
            woken = self._commands.send("CLIENT", "UNBLOCK", self._reading_id)
            woken.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _identify(self) -> None:
        try:
            self._reading_id = int(await self._reading.send_now("CLIENT", "ID"))
        except ReplyError:
            # Not allowed to ask: a read that blocks then ends by itself.
            self._reading_id = None

    async def run(self) -> None:
        """Read until stopped, and repair what Redis refuses. If cancelled, entries may stay pending for a lease."""
        while not self._stopping:
            await self._dispatcher.wait_free()
            try:
                await self._claim_if_due()
                await self._read()
            except RpcError as error:
                await self._repair(error)

    async def _read(self) -> None:
        free = self._dispatcher.free
        if free <= 0 or self._stopping:
            return
        loop = asyncio.get_running_loop()
        begun = loop.time()
        sources = self._some(free)
        count = max(1, min(LARGEST_READ, free // len(sources)))
        answer: Any = await self._reading.send(
            "XREADGROUP", "GROUP", GROUP, self.name, "COUNT", count, "BLOCK", self._block_ms,
            "STREAMS", *[source.stream for source in sources], *[">"] * len(sources),
        )  # fmt: skip
        for stream, entries in answer or ():
            source = self._by_stream[stream]
            self._dispatcher.take([Delivery(source, entry_id, 1, _value(fields)) for entry_id, fields in entries])
        if not answer and loop.time() - begun < FLOOR_SECONDS:
            await asyncio.sleep(FLOOR_SECONDS)

    def _some(self, free: int) -> list[Source]:
        """The streams to read now: COUNT is for each of them, so no more than there is room for."""
        if free >= len(self._sources):
            return self._sources
        # Another turn begins elsewhere, so that none waits for ever.
        self._sources.append(self._sources.pop(0))
        return self._sources[:free]

    async def _claim_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._next_claim:
            return
        for source in self._sources:
            while self._dispatcher.free > 0 and not self._stopping:
                if not await self._claim(source):
                    break
        # Jitter: the workers of a fleet do not all sweep at once.
        self._next_claim = now + self._lease / 4 * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret

    async def _claim(self, source: Source) -> bool:
        """Take over entries of one stream; whether there may be more."""
        cursor, entries, trimmed = await CLAIM.run(
            self._commands,
            [source.stream],
            [
                GROUP,
                self.name,
                int(source.serving.settings.lease * 1000),
                self._cursors.get(source.stream, b"0-0"),
                min(LARGEST_READ, self._dispatcher.free),
            ],
        )
        self._cursors[source.stream] = cursor
        if trimmed:
            _log.error("%s: %d calls were trimmed while pending; they are lost", source.stream, len(trimmed))
        for entry_id, count, fields in entries:
            _log.info("took over %s of %s, delivery %d", entry_id.decode(), source.stream, count)
            self._dispatcher.take([Delivery(source, entry_id, count, _value(fields))])
        return cursor != b"0-0"

    async def _repair(self, error: RpcError) -> None:
        if isinstance(error, ReplyError) and error.code in _REPAIRABLE:
            _log.warning("making the consumer groups anew: %s", error)
            try:
                await self.create_groups()
            except RpcError as still:
                _log.warning("cannot make the consumer groups: %s", still)
        elif not isinstance(error, LinkLost):
            _log.error("cannot read calls: %s", error)
        # Entries of a read whose answer was lost stay pending: their lease ends and they are claimed.
        await asyncio.sleep(0.05)
        await self._reading.wait_open()


def _value(fields: Any) -> bytes:
    """The one value of an entry; anything else is no call, and the empty value cannot be read as one."""
    return fields[1] if isinstance(fields, list) and len(fields) == 2 and fields[0] == b"m" else b""  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

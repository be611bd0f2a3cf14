"""Reading: new calls, as many as there is room for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from broker.link import Address, Link
from worker_runtime.consuming.dispatcher import Dispatcher
from worker_runtime.consuming.sweeper import Sweeper
from worker_runtime.groups.delivery import Delivery, Source, value_of
from worker_runtime.groups.reading import LARGEST_READ, Entry, GroupReader, reading_link

SHORTEST_BLOCK_MS: Final = 20
"""How long a read waits that leaves out some streams: they may have room again at any moment."""


class Consumer:
    """Hands the new entries of *sources* to a dispatcher: only as many as it has room for.

    The *sweeper* of the same dispatcher goes first where it waits for a place, and holds off when Redis was away.
    """

    def __init__(
        self,
        commands: Link,
        address: Address,
        name: str,
        sources: Sequence[Source],
        dispatcher: Dispatcher,
        sweeper: Sweeper,
    ) -> None:
        self.beat = 0.0
        """When it last had an answer of Redis or waited for room; seconds of the event loop's clock."""
        lease = min(source.serving.settings.lease for source in sources)
        streams = [source.stream for source in sources]
        self.reader: Final = GroupReader(
            commands, reading_link(address, f"callyard-reader-{name}"), name, streams, lease, self._take,
            sweeper.hold_off,
        )  # fmt: skip
        sweeper.heard_of = self.reader.heard_of
        self._sources = list(sources)
        self._by_stream: Final = {source.stream.encode(): source for source in sources}
        self._dispatcher = dispatcher
        self._sweeper = sweeper

    def stop(self) -> None:
        """Read nothing more. A read under way is woken; what it got all the same is still delivered."""
        self.reader.stop()
        self._dispatcher.claims.nudge()

    async def run(self) -> None:
        """Read until stopped. If cancelled, entries may stay pending for a lease."""
        while not self.reader.stopped:
            self.beat = asyncio.get_running_loop().time()
            room = self._dispatcher.claims.free - int(self._sweeper.waiting)
            sources, block_ms = self._some(room)
            if sources:
                count = max(1, min(LARGEST_READ, room // len(sources)))
                await self.reader.read([source.stream for source in sources], count, block_ms)
            else:
                await self._dispatcher.claims.change_soon()

    def _take(self, stream: bytes, entries: Sequence[Entry]) -> None:
        source = self._by_stream[stream]
        self._dispatcher.take([Delivery(source, entry_id, 1, value_of(fields)) for entry_id, fields in entries])

    def _some(self, room: int) -> tuple[Sequence[Source], int]:
        """The streams to read now, and for how long: COUNT is for each of them, so no more than there is room for."""
        if room <= 0:
            return (), 0
        sources = self._dispatcher.claims.open(self._sources)
        if len(sources) == len(self._sources) and room >= len(sources):
            return sources, self.reader.block_ms
        # Another turn begins elsewhere, so that none waits for ever.
        self._sources.append(self._sources.pop(0))
        return sources[:room], SHORTEST_BLOCK_MS

"""Reading: new calls, as many as there is room for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.errors import LinkLost, RpcError
from broker.keys import GROUP
from broker.link import Link, ReplyError, unheard
from worker_runtime.delivery import Delivery, Source, value_of
from worker_runtime.dispatcher import Dispatcher

LARGEST_READ: Final = 256
LONGEST_BLOCK_MS: Final = 2000
SHORTEST_BLOCK_MS: Final = 20
"""How long a read waits that leaves out some streams: they may have room again at any moment."""
FLOOR_SECONDS: Final = 0.002
"""Least time of an empty read: some servers return at once from a blocking read with COUNT."""

_REPAIRABLE: Final = frozenset({"NOGROUP", "UNBLOCKED"})

_log = logging.getLogger("callyard.worker")


class Consumer:
    """Hands the new entries of *sources* to a dispatcher: only as many as it has room for.

    *stalled* is called when Redis was away or silent for so long that leases may have ended unfairly.
    """

    def __init__(
        self,
        commands: Link,
        reading: Link,
        name: str,
        sources: Sequence[Source],
        dispatcher: Dispatcher,
        stalled: Callable[[], None],
    ) -> None:
        self.name: Final = name
        self.beat = 0.0
        """When it last had an answer of Redis or waited for room; seconds of the event loop's clock."""
        self.swept: Callable[[], bool] = bool
        """Whether somebody else wants the next free place."""
        self._commands = commands
        self._reading = reading
        self._sources = list(sources)
        self._by_stream: Final = {source.stream.encode(): source for source in sources}
        self._dispatcher = dispatcher
        self._stalled = stalled
        self._lease = min(source.serving.settings.lease for source in sources)
        self._block_ms = int(max(20, min(LONGEST_BLOCK_MS, self._lease * 250)))
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
        self._dispatcher.claims.nudge()
        if self._reading_id is not None and self._commands.connected:
            woken = self._commands.send("CLIENT", "UNBLOCK", self._reading_id)
            unheard(woken)

    async def _identify(self) -> None:
        if self._reading_id is not None:
            # Not the first connection: Redis, or the way to it, was gone for a while.
            self._stalled()
        try:
            self._reading_id = int(await self._reading.send_now("CLIENT", "ID"))
        except ReplyError:
            # Not allowed to ask: a read that blocks then ends by itself.
            self._reading_id = None

    async def run(self) -> None:
        """Read until stopped, and repair what Redis refuses. If cancelled, entries may stay pending for a lease."""
        while not self._stopping:
            self.beat = asyncio.get_running_loop().time()
            room = self._room()
            if room <= 0:
                await self._dispatcher.claims.change_soon()
                continue
            try:
                await self._read(room)
            except RpcError as error:
                await self._repair(error)

    def _room(self) -> int:
        return self._dispatcher.claims.free - int(self.swept())

    async def _read(self, room: int) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        sources, block_ms = self._some(room)
        if not sources:
            await self._dispatcher.claims.change_soon()
            return
        count = max(1, min(LARGEST_READ, room // len(sources)))
        answer: Any = await self._reading.read(
            self._take, "XREADGROUP", "GROUP", GROUP, self.name, "COUNT", count, "BLOCK", block_ms,
            "STREAMS", *[source.stream for source in sources], *[">"] * len(sources),
        )  # fmt: skip
        # The calls that it found have begun meanwhile: what short ones answer leaves before the next read does.
        took = loop.time() - begun
        if took > block_ms / 1000 + self._lease / 4:
            self._stalled()
        if not answer and took < FLOOR_SECONDS:
            await asyncio.sleep(FLOOR_SECONDS)

    def _take(self, answer: Any) -> Any:
        for stream, entries in answer or ():
            source = self._by_stream[stream]
            self._dispatcher.take([Delivery(source, entry_id, 1, value_of(fields)) for entry_id, fields in entries])
        return answer

    def _some(self, room: int) -> tuple[Sequence[Source], int]:
        """The streams to read now, and for how long: COUNT is for each of them, so no more than there is room for."""
        sources = self._dispatcher.claims.open(self._sources)
        if len(sources) == len(self._sources) and room >= len(sources):
            return sources, self._block_ms
        # Another turn begins elsewhere, so that none waits for ever.
        self._sources.append(self._sources.pop(0))
        return sources[:room], SHORTEST_BLOCK_MS

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

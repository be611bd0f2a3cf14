"""Reading replies: one blocking connection for all services that this process calls."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.errors import RpcError
from broker.link import Link, ReplyError, Script, unheard

CHANNEL: Final = Script("channel")

CHANNEL_TTL_MS: Final = 20_000
"""How long a reply channel outlives its caller; workers see that it is gone well within two default leases."""
RENEW_SECONDS: Final = 5.0
BLOCK_MS: Final = 5_000
FLOOR_SECONDS: Final = 0.002
"""Least time of an empty read: some servers return at once from a blocking read."""
_MOST: Final = 64
"""Entries of one read; one may hold all replies that a worker sent in a tick, or one that is large."""
TRIM_ENTRIES: Final = 64
"""Entries that were read and may lie in a channel still, until its next renewal."""
TRIM_BYTES: Final = 256 * 1024
"""Bytes of such entries."""

_log = logging.getLogger(__name__)


class ReplyReader:
    """Keeps the reply channels of one caller open, reads them and hands each entry to *deliver*, with its channel.

    *forgotten* is called when Redis turns out to have lost a channel that was open.

    Entries are read once and trimmed some at a time; what was trimmed without being delivered is nothing.
    """

    def __init__(
        self, commands: Link, reader: Link, deliver: Callable[[str, bytes], None], forgotten: Callable[[], None]
    ) -> None:
        self._commands = commands
        self._reader = reader
        self._deliver = deliver
        self._forgotten = forgotten
        self._positions: dict[str, bytes] = {}
        self._untrimmed: dict[str, tuple[int, int]] = {}
        """Entries and bytes that were read of a channel and still lie in it."""
        self._added = asyncio.Event()
        self._blocked = False
        self._reader_id: int | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.on_first: Callable[[], None] = lambda: None
        """Called when there is something to read for the first time."""

    def listen(self, channel: str) -> None:
        """Open *channel* before the next command of this tick, and read it from now on."""
        if channel in self._positions:
            return
        self._positions[channel] = b"0-0"
        self._open(channel)
        self._added.set()
        if not self._tasks:
            self.on_first()
            self._tasks = [asyncio.create_task(self._read_forever()), asyncio.create_task(self._renew_forever())]
        if self._blocked and self._reader_id is not None:
            # A read that blocks does not see a stream that was added meanwhile.
            unheard(self._commands.send("CLIENT", "UNBLOCK", self._reader_id))

    def make_sure(self) -> None:
        """Open all channels before the next command of this tick, should Redis have lost them."""
        for channel in self._positions:
            self._open(channel)

    async def reopen(self) -> None:
        """Open all channels before anything that waits for the connection: they may have expired meanwhile.

        Raises:
            RpcError: Redis refused it or went away.
        """
        for channel in self._positions:
            await CHANNEL.run_now(self._commands, [channel], [CHANNEL_TTL_MS])

    async def close(self) -> None:
        """Stop reading and remove the channels."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._positions and self._commands.connected:
            unheard(self._commands.send("DEL", *self._positions))

    def _open(self, channel: str) -> None:
        unheard(CHANNEL.run(self._commands, [channel], [CHANNEL_TTL_MS]))

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            if self._commands.connected:
                for channel in list(self._untrimmed):
                    self._trim(self._commands, channel)
                for channel in self._positions:
                    CHANNEL.run(self._commands, [channel], [CHANNEL_TTL_MS]).add_done_callback(self._renewed)

    def _renewed(self, done: asyncio.Future[int]) -> None:
        if not done.cancelled() and done.exception() is None and done.result() == 1:
            self._forgotten()

    async def _read_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                streams = await self._read()
            except RpcError as error:
                _log.debug("reading replies: %s", error)
                # Whatever it was, a stalled or changing server does not get better by haste.
                await asyncio.sleep(0.05)
                await self._reader.wait_open()
                continue
            # Those who got replies have run meanwhile: the calls that they made leave before the next read does.
            if not streams and loop.time() - begun < FLOOR_SECONDS:
                await asyncio.sleep(FLOOR_SECONDS)

    async def _read(self) -> Any:
        if self._reader_id is None or not self._reader.connected:
            await self._reader.wait_open()
        reading = self._reader.read(
            self._take, "XREAD", "COUNT", _MOST, "BLOCK", BLOCK_MS,
            "STREAMS", *self._positions, *self._positions.values(),
        )  # fmt: skip
        self._blocked = True
        try:
            return await reading
        finally:
            self._blocked = False

    async def identify(self) -> None:
        """Learn the reader's connection number, by which a blocked read is woken; run on every (re)connect."""
        try:
            self._reader_id = int(await self._reader_greeting())
        except ReplyError:
            self._reader_id = None

    async def _reader_greeting(self) -> Any:
        return await self._reader.send_now("CLIENT", "ID")

    def _take(self, streams: Any) -> Any:
        """Deliver what a read found."""
        self._blocked = False
        for channel, entries in streams or ():
            # A channel made while a read waited for it shows once as a stream without entries.
            if entries:
                name = channel.decode()
                self._positions[name] = entries[-1][0]
                self._count(name, len(entries), sum([self._deliver_all(name, fields) for _, fields in entries]))
        return streams

    def _deliver_all(self, channel: str, fields: Sequence[bytes] | None) -> int:
        """Deliver the messages of one entry; its bytes."""
        size = 0
        for value in fields[1::2] if fields else ():
            size += len(value)
            try:
                self._deliver(channel, value)
            except Exception:
                # One reply that cannot be delivered must not end the reading of all others.
                _log.exception("a reply could not be delivered")
        return size

    def _count(self, channel: str, entries: int, size: int) -> None:
        """Note what lies in *channel* although it was read, and trim it when that is much."""
        before = self._untrimmed.get(channel, (0, 0))
        self._untrimmed[channel] = entries, size = before[0] + entries, before[1] + size
        if entries >= TRIM_ENTRIES or size >= TRIM_BYTES:
            self._trim(self._reader, channel)

    def _trim(self, link: Link, channel: str) -> None:
        del self._untrimmed[channel]
        milliseconds, _, number = self._positions[channel].partition(b"-")
        unheard(link.send("XTRIM", channel, "MINID", b"%s-%d" % (milliseconds, int(number) + 1)))

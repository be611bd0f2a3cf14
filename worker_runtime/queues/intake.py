"""Taking messages out of a queue: new ones, those of lost workers, and those whose delay is over."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import Any, Final

from broker.errors import LinkLost, RpcError
from broker.keys import GROUP, QueueKeys
from broker.link import Link, ReplyError, Script, unheard
from client.deadline import RedisClock
from worker_runtime.delivery import value_of
from worker_runtime.lane import PROVEN_SECONDS
from worker_runtime.queues.batches import Batches
from worker_runtime.sweeper import CLAIM, COMING_BACK_SECONDS

DUE: Final = Script("queue_due")

LONGEST_BLOCK_MS: Final = 2000
FLOOR_SECONDS: Final = 0.002
"""Least time of an empty read: some servers return at once from a blocking read with COUNT."""
MOST_MOVED: Final = 100
SLOWEST_LOOK: Final = 1.0
"""Seconds after which delayed messages are looked at again, whenever the next was due then."""

_REPAIRABLE: Final = frozenset({"NOGROUP", "UNBLOCKED"})

_log = logging.getLogger("callyard.worker")


class Intake:
    """Hands the messages of one queue to *batches*, no more than it wants. *reading* is its own: reads block it."""

    def __init__(
        self,
        commands: Link,
        reading: Link,
        consumer: str,
        keys: QueueKeys,
        batches: Batches,
        lease: float,
        clock: RedisClock,
    ) -> None:
        self.stream: Final = keys.messages
        self._commands = commands
        self._reading = reading
        self._consumer = consumer
        self._keys = keys
        self._batches = batches
        self._lease = lease
        self._clock = clock
        self._block_ms = int(max(20, min(LONGEST_BLOCK_MS, lease * 250)))
        self._stopping = False
        self._reading_id: int | None = None
        self._not_before = 0.0
        reading.on_open.append(self._identify)

    async def create_group(self) -> None:
        """Make sure that the stream and its consumer group exist.

        Raises:
            RpcError: Redis refused it or is away.
        """
        try:
            # From 0, not $: messages that were sent before the group was made are delivered too.
            await self._commands.send("XGROUP", "CREATE", self.stream, GROUP, "0", "MKSTREAM")
        except ReplyError as error:
            if error.code != "BUSYGROUP":
                raise

    def stop(self) -> None:
        """Read nothing more. A read under way is woken; what it got all the same is still handed over."""
        self._stopping = True
        if self._reading_id is not None and self._commands.connected:
            woken = self._commands.send("CLIENT", "UNBLOCK", self._reading_id)
            unheard(woken)

    def hold_off(self) -> None:
        """Take nothing over for half a lease: Redis was away, and live workers get that time to connect and renew."""
        self._not_before = asyncio.get_running_loop().time() + max(self._lease / 2, COMING_BACK_SECONDS)

    async def _identify(self) -> None:
        if self._reading_id is not None:
            self.hold_off()
        try:
            self._reading_id = int(await self._reading.send_now("CLIENT", "ID"))
        except ReplyError:
            # Not allowed to ask: a read that blocks then ends by itself.
            self._reading_id = None

    async def read(self) -> None:
        """Read new messages until stopped, and repair what Redis refuses.

        If cancelled, messages may stay pending for a lease.
        """
        while not self._stopping:
            if self._batches.wanted <= 0:
                await self._batches.change()
                continue
            try:
                await self._read_some()
            except RpcError as error:
                await self._repair(error)

    async def sweep(self) -> None:
        """Take over what lost workers left, until cancelled; what was claimed by then is still handed over."""
        while True:
            try:
                await self._sweep_once()
            except RpcError as error:
                _log.warning("cannot look for messages of lost workers: %s", error)
            # Jitter: the workers of a fleet do not all look at once.
            await asyncio.sleep(self._lease / 4 * random.uniform(0.75, 1.25))  # noqa: S311 -- no secret

    async def move_due(self) -> None:
        """Move the messages whose delay is over to where they are read from, until cancelled."""
        delayed = self._batches.delayed
        while True:
            delayed.clear()
            wait_ms = -1
            try:
                wait_ms = await DUE.run(self._commands, [self.stream, self._keys.delayed], [MOST_MOVED])
            except RpcError as error:
                _log.warning("cannot move the delayed messages of %s: %s", self._keys.queue, error)
            # One that is sent elsewhere may be due before the next one known.
            wait = SLOWEST_LOOK if wait_ms < 0 else min(wait_ms / 1000, SLOWEST_LOOK)
            with suppress(TimeoutError):
                await asyncio.wait_for(delayed.wait(), wait)

    async def _read_some(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answer: Any = await self._reading.send(
            "XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", self._batches.wanted, "BLOCK", self._block_ms,
            "STREAMS", self.stream, ">",
        )  # fmt: skip
        took = loop.time() - begun
        if took > self._block_ms / 1000 + self._lease / 4:
            self.hold_off()
        for _, entries in answer or ():
            for entry_id, fields in entries:
                if (held := self._batches.take(self.stream, (entry_id, 1), value_of(fields))) is not None:
                    self._batches.add(held)
        if not answer and took < FLOOR_SECONDS:
            await asyncio.sleep(FLOOR_SECONDS)

    async def _repair(self, error: RpcError) -> None:
        if isinstance(error, ReplyError) and error.code in _REPAIRABLE:
            try:
                await self.create_group()
            except RpcError as still:
                _log.warning("cannot make the consumer group of %s: %s", self.stream, still)
        elif not isinstance(error, LinkLost):
            _log.error("cannot read messages: %s", error)
        await asyncio.sleep(0.05)
        await self._reading.wait_open()

    async def _sweep_once(self) -> None:
        cursor = b"0-0"
        # A claim that waits for the connection would run before the renewals of those who wait for theirs.
        while self._commands.connected:
            await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))
            await self._batches.wait_free()
            claiming = asyncio.ensure_future(self._claim_and_take(cursor))
            try:
                cursor, suspect = await asyncio.shield(claiming)
            except asyncio.CancelledError:
                # Redis may have handed a message over: left alone, it would lie here for a lease.
                await asyncio.wait([claiming], timeout=1)
                raise
            if suspect is not None:
                task, last = suspect
                # One suspect after the other, or at least not at the same moment; a last try has the process to itself.
                await asyncio.wait([task], timeout=None if last else PROVEN_SECONDS)
            if cursor == b"0-0":
                return

    async def _claim_and_take(self, cursor: bytes) -> tuple[bytes, tuple[asyncio.Task[None], bool] | None]:
        lease_ms = int(self._lease * 1000)
        asked_at = self._clock.at(asyncio.get_running_loop().time())
        answer: Any = await CLAIM.run(
            self._commands,
            [self.stream, self._keys.sweep],
            [GROUP, self._consumer, lease_ms, cursor, 1, asked_at, max(100, lease_ms // 4), max(1, lease_ms // 5)],
        )
        following, entries, _trimmed = answer
        suspect = None
        for entry_id, count, fields in entries:
            _log.info("took over %s of %s, delivery %d", entry_id.decode(), self.stream, count)
            held = self._batches.take(self.stream, (entry_id, count), value_of(fields))
            if held is None:
                continue
            if count == 1:
                # Given back before it had begun: it is suspected of nothing.
                self._batches.add(held)
            elif (task := self._batches.run_alone(held)) is not None:
                suspect = task, self._batches.is_last(held)
        return following, suspect

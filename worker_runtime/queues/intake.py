"""Taking messages out of a queue: new ones, those of lost workers, and those whose delay is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from broker.errors import RpcError
from broker.keys import QueueKeys
from broker.link import Address, Link, Script
from client.calling.deadline import RedisClock
from worker_runtime.groups.delivery import value_of
from worker_runtime.groups.lane import PROVEN_SECONDS
from worker_runtime.groups.reading import Entry, GroupReader, reading_link
from worker_runtime.groups.sweeping import Claimed, GroupSweeper
from worker_runtime.queues.batches import Batches

DUE: Final = Script("queue_due")

MOST_MOVED: Final = 100
SLOWEST_LOOK: Final = 1.0
"""Seconds after which delayed messages are looked at again, whenever the next was due then."""

_log = logging.getLogger("callyard.worker")


class Intake:
    """Hands the messages of one queue to *batches*, no more than it wants."""

    def __init__(
        self,
        commands: Link,
        address: Address,
        consumer: str,
        keys: QueueKeys,
        batches: Batches,
        lease: float,
        clock: RedisClock,
    ) -> None:
        self._commands = commands
        self._keys = keys
        self._batches = batches
        self._lease = lease
        self._sweeper = GroupSweeper(commands, consumer, clock, lease)
        self.reader: Final = GroupReader(
            commands, reading_link(address, f"callyard-queue-{consumer}"), consumer, [keys.messages], lease,
            self._take_new, self._sweeper.hold_off,
        )  # fmt: skip

    def hold_off(self) -> None:
        """Take nothing over for a while: Redis was away, and leases may have ended unfairly."""
        self._sweeper.hold_off()

    async def read(self) -> None:
        """Read new messages until stopped. If cancelled, messages may stay pending for a lease."""
        while not self.reader.stopped:
            if (wanted := self._batches.wanted) > 0:
                await self.reader.read([self._keys.messages], wanted, self.reader.block_ms)
            else:
                await self._batches.change()

    async def sweep(self) -> None:
        """Take over what lost workers left, until cancelled; what was claimed by then is still handed over."""
        keys = self._keys
        while True:
            await self._sweeper.sweep(keys.messages, keys.sweep, self._lease, self._batches.wait_free, self._take_over)
            await self._sweeper.rest()

    async def move_due(self) -> None:
        """Move the messages whose delay is over to where they are read from, until cancelled."""
        delayed = self._batches.delayed
        while True:
            delayed.clear()
            wait_ms = -1
            try:
                wait_ms = await DUE.run(self._commands, [self._keys.messages, self._keys.delayed], [MOST_MOVED])
            except RpcError as error:
                _log.warning("cannot move the delayed messages of %s: %s", self._keys.queue, error)
            # One that is sent elsewhere may be due before the next one known.
            wait = SLOWEST_LOOK if wait_ms < 0 else min(wait_ms / 1000, SLOWEST_LOOK)
            with suppress(TimeoutError):
                await asyncio.wait_for(delayed.wait(), wait)

    def _take_new(self, _stream: bytes, entries: Sequence[Entry]) -> None:
        for entry_id, fields in entries:
            if (held := self._batches.take(self._keys.messages, (entry_id, 1), value_of(fields))) is not None:
                self._batches.add(held)

    def _take_over(self, claimed: Claimed, leave: Callable[[], None]) -> None:
        """Handle what was taken over; it has the quarantine lane, and *leave* is called in the end."""
        entry_id, count, fields = claimed
        self.reader.heard_of(self._keys.messages, entry_id)
        held = self._batches.take(self._keys.messages, (entry_id, count), value_of(fields))
        task = None
        if held is not None and count == 1:
            # Given back before it had begun: it is suspected of nothing.
            self._batches.add(held)
        elif held is not None:
            task = self._batches.run_alone(held)
        if task is None or held is None:
            leave()
            return
        task.add_done_callback(lambda _: leave())
        if not self._batches.is_last(held):
            asyncio.get_running_loop().call_later(PROVEN_SECONDS, leave)

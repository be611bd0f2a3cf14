"""Sweeping: taking over what lost workers left, one call after the other."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Link, Script
from client.deadline import RedisClock
from worker_runtime.delivery import Delivery, Source, value_of
from worker_runtime.dispatcher import Dispatcher

CLAIM: Final = Script("claim")

COMING_BACK_SECONDS: Final = 3.0
"""What a worker needs at most to connect again once Redis is back, by its pauses between tries."""

_log = logging.getLogger("callyard.worker")


class Sweeper:
    """Looks for entries whose lease has ended, about four times per lease and fleet.

    What it finds comes before anything new: it takes the next free place. One entry at a time,
    so that a worker which dies of one has not counted against others that it never began.
    """

    def __init__(
        self, link: Link, consumer: str, clock: RedisClock, sources: Sequence[Source], dispatcher: Dispatcher
    ) -> None:
        self._link = link
        self._consumer = consumer
        self._clock = clock
        self._sources = sources
        self._dispatcher = dispatcher
        self._lease = min(source.serving.settings.lease for source in sources)
        self._not_before = 0.0
        self._woken = asyncio.Event()
        self.waiting = False
        """Whether it waits for a place: readers of new calls leave the next one to it."""

    def wake(self) -> None:
        """Sweep now: another worker has given something back."""
        self._woken.set()

    def hold_off(self) -> None:
        """Claim nothing for half a lease: Redis was away, and live workers get that time to connect and renew."""
        self._not_before = asyncio.get_running_loop().time() + max(self._lease / 2, COMING_BACK_SECONDS)

    async def came_back(self) -> None:
        """Hold off, as a hook of the link that claims go through: it was gone."""
        self.hold_off()

    async def run(self) -> None:
        """Sweep until cancelled; what was claimed by then is still taken."""
        while True:
            for source in self._sources:
                try:
                    await self._sweep(source)
                except RpcError as error:
                    _log.warning("cannot look for calls of lost workers: %s", error)
            # Jitter: the workers of a fleet do not all look at once.
            pause = self._lease / 4 * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret
            try:
                await asyncio.wait_for(self._woken.wait(), pause)
            except TimeoutError:
                continue
            self._woken.clear()

    async def _sweep(self, source: Source) -> None:
        cursor = b"0-0"
        # A claim that waits for the connection would run before the renewals of those who wait for theirs.
        while self._link.connected:
            await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))
            # The lane first: what is claimed while another suspect may end this process would count that against it.
            leave = await self._dispatcher.enter_lane()
            try:
                await self._wait_for_place()
            except BaseException:
                leave()
                raise
            claiming = asyncio.ensure_future(self._claim_and_take(source, cursor, leave))
            try:
                cursor = await asyncio.shield(claiming)
            except asyncio.CancelledError:
                # Redis may have handed an entry over: left alone, it would lie here for a lease.
                await claiming
                raise
            if cursor == b"0-0":
                return

    async def _wait_for_place(self) -> None:
        self.waiting = True
        try:
            await self._dispatcher.claims.wait_free()
        finally:
            self.waiting = False

    async def _claim_and_take(self, source: Source, cursor: bytes, leave: Callable[[], None]) -> bytes:
        delivery = None
        try:
            cursor, delivery = await self._claim(source, cursor)
        finally:
            if delivery is None:
                leave()
        if delivery is not None:
            self._dispatcher.take_suspect(delivery, leave)
        return cursor

    async def _claim(self, source: Source, cursor: bytes) -> tuple[bytes, Delivery | None]:
        lease_ms = int(source.serving.settings.lease * 1000)
        asked_at = self._clock.at(asyncio.get_running_loop().time())
        answer: Any = await CLAIM.run(
            self._link,
            [source.stream, source.keys.sweep(source.entrypoint)],
            [GROUP, self._consumer, lease_ms, cursor, 1, asked_at, max(100, lease_ms // 4), max(1, lease_ms // 5)],
        )
        following, entries, trimmed = answer
        delivery = None
        if trimmed:
            _log.error("%s: %d calls were trimmed while pending; they are lost", source.stream, len(trimmed))
        for entry_id, count, fields in entries:
            _log.info("took over %s of %s, delivery %d", entry_id.decode(), source.stream, count)
            delivery = Delivery(source, entry_id, count, value_of(fields))
        return following, delivery

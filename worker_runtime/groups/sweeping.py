"""Sweeping: taking over what lost workers left in the streams of a group, one entry after the other."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Link, Script, unheard
from client.calling.deadline import RedisClock
from worker_runtime.groups.lane import Lane

CLAIM: Final = Script("claim")

COMING_BACK_SECONDS: Final = 3.0
"""What a worker needs at most to connect again once Redis is back, by its pauses between tries."""
HANDING_OVER_SECONDS: Final = 1.0
"""How long a sweep that is cancelled waits for what Redis may have handed over."""

_START: Final = b"0-0"

_log = logging.getLogger("callyard.worker")


class Claimed(NamedTuple):
    """An entry that was taken over. ID and delivery count are its fence."""

    entry_id: bytes
    delivery_count: int
    fields: Any


class GroupSweeper:
    """Looks for entries whose lease has ended, about four times per lease and fleet.

    One entry at a time, so that a worker which dies of one has not counted against others that it never began; and
    each has the quarantine lane to itself when it begins.
    """

    def __init__(self, link: Link, consumer: str, clock: RedisClock, lease: float) -> None:
        self._link = link
        self._consumer = consumer
        self._clock = clock
        self._lease = lease
        self._lane = Lane()
        self._not_before = 0.0
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Rest no longer: another worker has given something back."""
        self._woken.set()

    def hold_off(self) -> None:
        """Claim nothing for half a lease: Redis was away, and live workers get that time to connect and renew."""
        self._not_before = asyncio.get_running_loop().time() + max(self._lease / 2, COMING_BACK_SECONDS)

    async def rest(self) -> None:
        """Wait for about a quarter of a lease, or until woken. Safe to cancel."""
        # Jitter: the workers of a fleet do not all look at once.
        pause = self._lease / 4 * random.uniform(0.75, 1.25)  # noqa: S311 -- no secret
        try:
            await asyncio.wait_for(self._woken.wait(), pause)
        except TimeoutError:
            return
        self._woken.clear()

    async def sweep(
        self,
        stream: str,
        mark: str,
        lease: float,
        place: Callable[[], Awaitable[None]],
        take: Callable[[Claimed, Callable[[], None]], None],
    ) -> None:
        """Claim what in *stream* was idle for a *lease*, each entry when there is a *place* for it, and *take* it.

        *take* also gets what lets the next one begin, to be called once. *mark* is the key by which the fleet rests
        after it found nothing. What Redis refuses is left for the next time. If cancelled, what was claimed by then is
        still taken.
        """
        cursor = _START
        # A claim that waits for the connection would run before the renewals of those who wait for theirs.
        while self._link.connected:
            await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))
            leave = await self._enter(place)
            claiming = asyncio.ensure_future(self._claim_and_take([stream, mark], cursor, lease, take, leave))
            unheard(claiming)
            try:
                cursor = await asyncio.shield(claiming)
            except asyncio.CancelledError:
                # Redis may have handed an entry over: left alone, it would lie here for a lease.
                await asyncio.wait([claiming], timeout=HANDING_OVER_SECONDS)
                raise
            except RpcError as error:
                _log.warning("cannot look for what lost workers left in %s: %s", stream, error)
                return
            if cursor == _START:
                return

    async def _enter(self, place: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        # The lane first: what is claimed while another suspect may end this process would count that against it.
        leave = await self._lane.enter()
        try:
            await place()
        except BaseException:
            leave()
            raise
        return leave

    async def _claim_and_take(
        self,
        keys: list[str],
        cursor: bytes,
        lease: float,
        take: Callable[[Claimed, Callable[[], None]], None],
        leave: Callable[[], None],
    ) -> bytes:
        claimed = None
        try:
            cursor, claimed = await self._claim(keys, cursor, lease)
        finally:
            if claimed is None:
                leave()
        if claimed is not None:
            _log.info("took over %s of %s, delivery %d", claimed.entry_id.decode(), keys[0], claimed.delivery_count)
            take(claimed, leave)
        return cursor

    async def _claim(self, keys: list[str], cursor: bytes, lease: float) -> tuple[bytes, Claimed | None]:
        lease_ms = int(lease * 1000)
        asked_at = self._clock.at(asyncio.get_running_loop().time())
        answer: Any = await CLAIM.run(
            self._link,
            keys,
            [GROUP, self._consumer, lease_ms, cursor, 1, asked_at, max(100, lease_ms // 4), max(1, lease_ms // 5)],
        )
        following, entries, trimmed = answer
        if trimmed:
            _log.error("%s: %d entries were trimmed while pending; they are lost", keys[0], len(trimmed))
        return following, Claimed(*entries[0]) if entries else None

"""Leases: telling Redis which calls this process still has in its hands, from a thread of its own.

The thread has its own event loop and its own connection, so a method that blocks the worker's
loop keeps its call all the same. Short calls cost nothing: a lease is renewed when a third of it
is over, and the connection is made when that happens for the first time.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Address, Link, Script
from worker_runtime.groups.delivery import Key

RENEW: Final = Script("renew")

SLOWEST_TICK: Final = 0.25
CONNECT_SECONDS: Final = 5.0
LARGEST_BATCH: Final = 500
"""Most leases renewed in one run of the script."""

_log = logging.getLogger("callyard.worker")


class Leased(Protocol):
    """What has a lease: a call or a message in the hands of this process."""

    claimed: float
    """When Redis last heard that it is still worked on; seconds of the monotonic clock."""
    held_until: float
    """Until when its lease is renewed."""
    lost: bool
    """Whether another worker has it now."""

    @property
    def stream(self) -> str:
        """The key of the stream that it is pending in."""
        ...

    @property
    def key(self) -> Key:
        """Its fence."""
        ...


class Leases:
    """Renews the leases of what *held* gives, and tells *lost* (on the worker's loop) what is another worker's now.

    *tick* is called in the thread a few times per lease: a place for looking after the loop from outside.
    """

    def __init__(
        self,
        address: Address,
        consumer: str,
        lease: float,
        held: Callable[[], Iterable[Leased]],
        lost: Callable[[Leased], None],
        tick: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._lease = lease
        self._held = held
        self._lost = lost
        self._tick = tick
        self._link_address = address
        self._link: Link | None = None
        self._workers_loop: asyncio.AbstractEventLoop | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="callyard-leases", daemon=True)

    def start(self) -> None:
        """Renew from now on; call on the worker's event loop."""
        self._workers_loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        """Renew nothing more; when this returns the thread has ended, or is about to."""
        own, stopped = self._own_loop, self._stopped
        if own is None or stopped is None or not self._thread.is_alive():
            return
        own.call_soon_threadsafe(stopped.set)
        await asyncio.to_thread(self._thread.join, 2.0)

    def _run(self) -> None:
        asyncio.run(self._renew_forever())

    async def _renew_forever(self) -> None:
        self._stopped = asyncio.Event()
        self._own_loop = asyncio.get_running_loop()
        tick = min(SLOWEST_TICK, self._lease / 6)
        while not self._stopped.is_set():
            self._tick()
            try:
                await self._renew_due(time.monotonic())
            except RpcError as error:
                _log.warning("cannot renew leases: %s", error)
            try:
                await asyncio.wait_for(self._stopped.wait(), tick)
            except TimeoutError:
                continue
        if self._link is not None:
            await self._link.close()

    async def _renew_due(self, now: float) -> None:
        due: dict[str, list[Leased]] = defaultdict(list)
        for held in self._held():
            if held.held_until >= now > held.claimed + self._lease / 3 and not held.lost:
                due[held.stream].append(held)
        if due:
            link = await self._connected()
            for stream, batch in due.items():
                for start in range(0, len(batch), LARGEST_BATCH):
                    await self._renew(link, stream, batch[start : start + LARGEST_BATCH], now)

    async def _connected(self) -> Link:
        if self._link is None:
            link = Link(self._link_address, name=f"callyard-leases-{self._consumer}", resend=False)
            await link.open(CONNECT_SECONDS)
            self._link = link
        return self._link

    async def _renew(self, link: Link, stream: str, batch: list[Leased], now: float) -> None:
        arguments: list[str | int | bytes] = [GROUP, self._consumer]
        for held in batch:
            arguments += held.key
        lost = set(await RENEW.run(link, [stream], arguments))
        for held in batch:
            if held.key[0] not in lost:
                held.claimed = now
            elif self._workers_loop is not None:
                # Whether it has merely ended meanwhile is known there.
                self._workers_loop.call_soon_threadsafe(self._check_lost, held)

    def _check_lost(self, held: Leased) -> None:
        if any(held is other for other in self._held()):
            self._lost(held)

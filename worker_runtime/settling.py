"""Settling: the replies and acknowledgements that one tick produced, in one script per caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Link, Script
from worker_runtime.delivery import Delivery

SETTLE: Final = Script("settle")

LARGEST_BATCH: Final = 250
"""Most calls in one run of the script."""

_log = logging.getLogger("callyard.worker")


class Store(NamedTuple):
    """A key that is written in the same step, or deleted (`ttl_ms` 0)."""

    key: str
    value: bytes
    ttl_ms: int


class Settlement(NamedTuple):
    """What is to happen to one delivery: a reply (or none), whether its entry is done, what is stored."""

    delivery: Delivery
    reply: bytes
    acknowledge: bool
    stores: Sequence[Store] = ()


class Settler:
    """Collects settlements and sends them at the end of the tick.

    *fenced* is told of each delivery that turned out not to be this worker's any longer; nothing
    was changed for it.
    """

    def __init__(self, link: Link, consumer: str, fenced: Callable[[Delivery], None]) -> None:
        self._link = link
        self._consumer = consumer
        self._fenced = fenced
        self._waiting: dict[tuple[str, str], list[Settlement]] = {}
        self._under_way: set[asyncio.Future[list[bytes]]] = set()

    def settle(self, reply_channel: str, settlement: Settlement) -> None:
        """Settle with the others of this tick. Sent again if the connection breaks; never blocks."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting.setdefault((settlement.delivery.source.stream, reply_channel), []).append(settlement)

    async def settled(self) -> None:
        """Wait until Redis has confirmed everything settled so far. Safe to cancel."""
        while self._waiting or self._under_way:
            if self._waiting:
                self._flush()
            await asyncio.wait(self._under_way)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for (stream, channel), settlements in waiting.items():
            for start in range(0, len(settlements), LARGEST_BATCH):
                self._send(stream, channel, settlements[start : start + LARGEST_BATCH])

    def _send(self, stream: str, channel: str, batch: list[Settlement]) -> None:
        keys = [stream, channel]
        arguments: list[str | int | bytes] = [GROUP, self._consumer]
        for delivery, reply, acknowledge, stores in batch:
            arguments += (delivery.entry_id, delivery.delivery_count, int(acknowledge), reply, len(stores))
            if stores:
                append_stores(stores, keys, arguments)
        sent = SETTLE.run(self._link, keys, arguments)
        self._under_way.add(sent)
        sent.add_done_callback(lambda done: self._answered(batch, done))

    def _answered(self, batch: list[Settlement], done: asyncio.Future[list[bytes]]) -> None:
        self._under_way.discard(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            # The entries stay pending: after one lease another worker runs them again.
            level = logging.ERROR if isinstance(error, RpcError) else logging.CRITICAL
            _log.log(level, "%d calls could not be settled: %s", len(batch), error)
            return
        fenced = set(done.result())
        for settlement in batch if fenced else ():
            if settlement.delivery.entry_id in fenced:
                self._fenced(settlement.delivery)


def append_stores(stores: Sequence[Store], keys: list[str], arguments: list[str | int | bytes]) -> None:
    """Append *stores* to the keys and arguments of a script that takes them."""
    for key, value, ttl_ms in stores:
        keys.append(key)
        arguments += (len(keys), value, ttl_ms)

"""Settling: the replies and acknowledgements that one tick produced, in one script per caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Link, Script
from worker_runtime.groups.delivery import Delivery

SETTLE: Final = Script("settle")

LARGEST_BATCH: Final = 250
"""Most calls in one run of the script."""
LARGEST_REPLIES: Final = 256 * 1024
"""Bytes of the replies in one run of the script, which are one entry: more begin another."""

_log = logging.getLogger("callyard.worker")


class Store(NamedTuple):
    """A key that is written in the same step, or deleted (`ttl_ms` 0)."""

    key: str
    value: bytes
    ttl_ms: int


class _Batch:
    """What is to be settled in one run of the script: calls from one stream, made by one caller."""

    __slots__ = ("bytes", "deliveries", "keys", "others", "plain", "plain_calls")

    def __init__(self, stream: str, channel: str) -> None:
        self.keys = [stream, channel]
        self.deliveries: list[Delivery] = []
        self.bytes = 0
        self.plain_calls = 0
        self.plain: list[str | int | bytes] = []
        self.others: list[str | int | bytes] = []


class Settler:
    """Collects what was settled and sends it at the end of the tick.

    *fenced* is told of each delivery that turned out not to be this worker's any longer; nothing
    was changed for it.
    """

    def __init__(self, link: Link, consumer: str, fenced: Callable[[Delivery], None]) -> None:
        self._link = link
        self._consumer = consumer
        self._fenced = fenced
        self._batches: dict[tuple[str, str], _Batch] = {}
        self._under_way: set[asyncio.Future[list[bytes]]] = set()

    def settle(self, delivery: Delivery, channel: str, reply: bytes) -> None:
        """Reply (where *reply* is not empty) and acknowledge, with the others of this tick.

        Sent again if the connection breaks; never blocks.
        """
        batch = self._batch(delivery, channel, reply)
        batch.plain_calls += 1
        batch.plain += (delivery.entry_id, delivery.delivery_count, reply)

    def settle_with(
        self, delivery: Delivery, channel: str, reply: bytes, stores: Sequence[Store], *, acknowledge: bool
    ) -> None:
        """As `settle`, with *stores* in the same step; without *acknowledge* the entry stays pending."""
        batch = self._batch(delivery, channel, reply)
        batch.others += (delivery.entry_id, delivery.delivery_count, int(acknowledge), reply, len(stores))
        append_stores(stores, batch.keys, batch.others)

    async def settled(self) -> None:
        """Wait until Redis has confirmed everything settled so far. Safe to cancel."""
        while self._batches or self._under_way:
            if self._batches:
                self._flush()
            await asyncio.wait(self._under_way)

    def _batch(self, delivery: Delivery, channel: str, reply: bytes) -> _Batch:
        stream = delivery.source.stream
        batch = self._batches.get((stream, channel))
        if batch is None:
            if not self._batches:
                self._link.at_tick_end(self._flush)
            batch = self._batches[stream, channel] = _Batch(stream, channel)
        elif len(batch.deliveries) == LARGEST_BATCH or batch.bytes + len(reply) > LARGEST_REPLIES:
            self._send(batch)
            batch = self._batches[stream, channel] = _Batch(stream, channel)
        batch.deliveries.append(delivery)
        batch.bytes += len(reply)
        return batch

    def _flush(self) -> None:
        batches, self._batches = self._batches, {}
        for batch in batches.values():
            self._send(batch)

    def _send(self, batch: _Batch) -> None:
        arguments = [GROUP, self._consumer, batch.plain_calls, *batch.plain, *batch.others]
        sent = SETTLE.run(self._link, batch.keys, arguments)
        self._under_way.add(sent)
        sent.add_done_callback(partial(self._answered, batch.deliveries))

    def _answered(self, deliveries: list[Delivery], done: asyncio.Future[list[bytes]]) -> None:
        self._under_way.discard(done)
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            # The entries stay pending: after one lease another worker runs them again.
            level = logging.ERROR if isinstance(error, RpcError) else logging.CRITICAL
            _log.log(level, "%d calls could not be settled: %s", len(deliveries), error)
            return
        fenced = set(done.result())
        for delivery in deliveries if fenced else ():
            if delivery.entry_id in fenced:
                self._fenced(delivery)


def append_stores(stores: Sequence[Store], keys: list[str], arguments: list[str | int | bytes]) -> None:
    """Append *stores* to the keys and arguments of a script that takes them."""
    for key, value, ttl_ms in stores:
        keys.append(key)
        arguments += (len(keys), value, ttl_ms)

"""Leases: telling Redis which calls are still worked on, and ending those past their deadline."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from typing import Final

from broker.errors import RpcError
from broker.keys import GROUP
from broker.link import Link, Script
from worker_runtime.dispatcher import Dispatcher
from worker_runtime.invocation import Invocation, timed_out

RENEW: Final = Script("renew")

_log = logging.getLogger("callyard.worker")


class Leases:
    """Looks over the running calls a few times per lease, so that short calls cost nothing."""

    def __init__(self, link: Link, consumer: str, dispatcher: Dispatcher, lease: float) -> None:
        self._link = link
        self._consumer = consumer
        self._dispatcher = dispatcher
        self._lease = lease
        self._tick = min(0.25, lease / 6)

    async def run(self) -> None:
        """Renew and expire until cancelled."""
        while True:
            await asyncio.sleep(self._tick)
            now = asyncio.get_running_loop().time()
            due: dict[str, list[Invocation]] = defaultdict(list)
            for invocation in list(self._dispatcher.running.values()):
                if now >= invocation.expires:
                    invocation.cancel(timed_out(invocation.method.name))
                if now - invocation.claimed > self._lease / 3:
                    due[invocation.work.delivery.source.stream].append(invocation)
            for stream, invocations in due.items():
                await self._renew(stream, invocations, now)

    async def _renew(self, stream: str, invocations: list[Invocation], now: float) -> None:
        arguments: list[str | int | bytes] = [GROUP, self._consumer]
        for invocation in invocations:
            arguments += (invocation.work.delivery.entry_id, invocation.work.delivery.delivery_count)
        try:
            lost = set(await RENEW.run(self._link, [stream], arguments))
        except RpcError as error:
            _log.warning("cannot renew %d leases: %s", len(invocations), error)
            return
        for invocation in invocations:
            delivery = invocation.work.delivery
            if delivery.entry_id not in lost:
                invocation.claimed = now
            elif (delivery.entry_id, delivery.delivery_count) in self._dispatcher.running and not invocation.settling:
                self._dispatcher.lose(invocation)

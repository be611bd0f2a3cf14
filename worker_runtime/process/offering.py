"""What a worker says of itself: what it offers, for callers and tools, and how it fares, for people."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from broker.errors import RpcError
from broker.link import Link
from broker.registry import forget_entrypoints, publish_offers, publish_version
from worker_runtime.services.serving import Serving

RENEW_SECONDS: Final = 5.0
CARD_TTL_MS: Final = 30_000

_log = logging.getLogger("callyard.worker")


class Figures(NamedTuple):
    """How many calls run in this process, and how many were begun since its start."""

    running: int
    begun: int


class Offering:
    """Publishes the offers of *served*, and the card of this *worker* with its *figures*."""

    def __init__(
        self,
        commands: Link,
        worker: str,
        served: Sequence[tuple[Serving, Mapping[str, Any]]],
        figures: Callable[[], Figures],
    ) -> None:
        self._commands = commands
        self._worker = worker
        self._served = served
        self._figures = figures
        self._started = 0
        """When it first said so, in ms of Redis's clock."""

    async def publish(self) -> None:
        """Say it once; it is forgotten unless it is said again in time.

        Raises:
            RpcError: Redis refused it or is away.
        """
        for serving, offers in self._served:
            # In this order: to others, an offer without a version is one that was left behind.
            now = await self._now_ms()
            self._started = self._started or now
            backlog = serving.settings.backlog
            await publish_version(self._commands, serving.keys, serving.service.names, now)
            await publish_offers(self._commands, serving.keys, offers, backlog=backlog, started_ms=self._started)
            await forget_entrypoints(self._commands, serving.keys, list(offers), await self._now_ms())
            await self._publish_card(serving.keys.worker(self._worker))

    async def run(self) -> None:
        """Say it again and again, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.publish()
            except RpcError as error:
                _log.warning("cannot renew what is offered: %s", error)

    async def withdraw(self) -> None:
        """Take the cards away; offers lapse by themselves, for other workers may have the same.

        Raises:
            RpcError: Redis refused it or is away.
        """
        for serving, _ in self._served:
            await self._commands.send("DEL", serving.keys.worker(self._worker))

    async def _now_ms(self) -> int:
        # Redis's own: as long as a machine slept its clock is behind, and others would take its worker for gone.
        seconds, microseconds = await self._commands.send("TIME")
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _publish_card(self, card: str) -> None:
        figures = self._figures()
        stored = self._commands.send(
            "HSET", card, "pid", os.getpid(), "host", socket.gethostname(),
            "running", figures.running, "begun", figures.begun,
        )  # fmt: skip
        renewed = self._commands.send("PEXPIRE", card, CARD_TTL_MS)
        await stored
        await renewed

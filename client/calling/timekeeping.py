"""Keeping Redis's clock: asked at the start, when a connection is back, and now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from broker.errors import RpcError
from broker.link import Link
from client.calling.deadline import RedisClock

PAUSE_SECONDS: Final = 30.0

_log = logging.getLogger(__name__)


class Timekeeper:
    """Sets *clock* by what Redis says over *link*."""

    def __init__(self, clock: RedisClock, link: Link) -> None:
        self._clock = clock
        self._link = link

    async def ask(self) -> None:
        """Set the clock. If cancelled, it stays as it was.

        Raises:
            RpcError: Redis refused it or is away.
        """
        await self._ask(self._link.send)

    async def ask_now(self) -> None:
        """As `ask`, before everything that waits for the connection; for hooks of the link."""
        await self._ask(self._link.send_now)

    async def run(self) -> None:
        """Set the clock again and again, until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.ask()
            except RpcError as error:
                _log.debug("cannot ask Redis for its time: %s", error)

    async def _ask(self, send: Callable[..., Awaitable[Any]]) -> None:
        loop = asyncio.get_running_loop()
        sent = loop.time()
        seconds, microseconds = await send("TIME")
        self._clock.set(int(seconds), int(microseconds), sent=sent, received=loop.time())

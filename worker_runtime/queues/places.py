"""Places: how many batches of a queue this process may handle, where all its consumers share `max_concurrency`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from broker.errors import RpcError
from broker.keys import QueueKeys
from broker.link import Link, Script

PLACES: Final = Script("queue_places")

ASK_AGAIN_SECONDS: Final = 0.5
"""How soon a process asks again that got fewer places than it wants."""

_log = logging.getLogger("callyard.worker")


class Places:
    """Asks for as many places as *wanted* says, and keeps them.

    A process that dies, or whose event loop stands still for a lease, loses its places to others.
    """

    def __init__(
        self, link: Link, keys: QueueKeys, consumer: str, most: int, lease: float, wanted: Callable[[], int]
    ) -> None:
        self.turned: Final = asyncio.Event()
        """To be set when a batch begins or ends."""
        self.has: int = 0
        """How many batches may run now."""
        self.granted: Callable[[], None] = _nothing
        """Called when that has changed."""
        self._link = link
        self._keys = keys
        self._consumer = consumer
        self._most = most
        self._lease = lease
        self._wanted = wanted

    async def keep(self) -> None:
        """Ask again whenever something has changed, and in time before the places lapse, until cancelled."""
        while True:
            self.turned.clear()
            wanted = min(self._most, self._wanted())
            try:
                await self.ask()
            except RpcError as error:
                _log.warning("cannot ask for places at queue %s: %s", self._keys.queue, error)
            wait = self._lease / 4 if self.has >= wanted else min(self._lease / 4, ASK_AGAIN_SECONDS)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.turned.wait(), wait)

    async def ask(self) -> None:
        """Have as many places as are wanted and free; those had before and wanted no longer are free for others.

        Raises:
            RpcError: Redis is away or refuses it.
        """
        wanted = min(self._most, self._wanted())
        arguments = [self._consumer, wanted, self._most, max(1, int(self._lease * 1000))]
        has = await PLACES.run(self._link, [self._keys.places], arguments)
        if has != self.has:
            self.has = has
            self.granted()


def _nothing() -> None:
    """Do nothing."""

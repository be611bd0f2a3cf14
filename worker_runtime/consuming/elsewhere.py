"""Methods that this worker lacks: whether another live one has them, as in the middle of a deployment."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from broker.link import Link
from broker.registry import read_versions
from client.calling.deadline import RedisClock
from worker_runtime.groups.delivery import Work

MOST_HOPS: Final = 64
"""Times that one call is passed on at most."""
LONGEST_PAUSE: Final = 0.25
"""Seconds before a call is passed on, growing with its hops: the other worker has to get its chance."""


class Elsewhere:
    """Asks the registry, and only about calls that cannot run here."""

    def __init__(self, link: Link, clock: RedisClock) -> None:
        self._link = link
        self._clock = clock

    async def offered(self, work: Work) -> bool:
        """Whether *work* is to be passed on, after the pause that this takes. Safe to cancel.

        Raises:
            RpcError: Redis refused it or is away.
        """
        hops: Any = work.call.options.get("hops", 0)
        if not isinstance(hops, int) or not 0 <= hops < MOST_HOPS:
            return False
        source = work.delivery.source
        path = work.call.program[0].path
        now = self._clock.at(asyncio.get_running_loop().time())
        versions = await read_versions(self._link, source.keys, source.entrypoint, now)
        own = source.serving.service.names[source.entrypoint]
        # A version that offers the same as this one would not know it either.
        known = any(path and path[0] in methods for methods in versions if methods != own)
        if known:
            await asyncio.sleep(min(LONGEST_PAUSE, 0.005 * hops))
        return known

"""Which callers still live: those whose reply channel does. Asked once per caller and few seconds, not per call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from broker.errors import RpcError
from broker.link import Link
from worker_runtime.invoking.invocation import Invocation

FRESH_SECONDS: Final = 6.0
"""How long a caller that was found alive counts as such."""
LOOK_SECONDS: Final = 2.0
MISSING_SECONDS: Final = 6.0
"""How long a channel must be missing: its owner makes it anew every five seconds, should Redis have lost it."""

_log = logging.getLogger("callyard.worker")


class Callers:
    """What is known of callers, by their reply channel."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._alive: dict[str, float] = {}
        self._missing: dict[str, float] = {}
        self._asking: dict[str, asyncio.Future[int]] = {}

    def known(self, channel: str, now: float) -> bool:
        """Whether the owner of *channel* was found alive lately."""
        seen = self._alive.get(channel)
        return seen is not None and now - seen < FRESH_SECONDS

    async def alive(self, channel: str) -> bool:
        """Whether *channel* exists. Safe to cancel.

        Raises:
            RpcError: Redis refused it or is away.
        """
        asked = self._asking.get(channel)
        if asked is None:
            asked = self._asking[channel] = self._link.send("EXISTS", channel)
            asked.add_done_callback(lambda done: self._answered(channel, done))
        return bool(await asyncio.shield(asked))

    async def watch(
        self,
        running: Callable[[], Iterable[Invocation]],
        gone: Callable[[Invocation], None],
        holding: Callable[[], set[str]],
        let_go: Callable[[str], None],
    ) -> None:
        """Tell *gone* of each running call whose caller is gone, until cancelled.

        *holding* gives the channels of callers that hold objects of this process; *let_go* is told which are gone.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            waited_for = [call for call in running() if not call.replied and not call.work.oneway]
            holders = holding()
            channels = {call.work.channel for call in waited_for} | holders
            try:
                lost = await self._look(channels)
            except RpcError as error:
                _log.debug("cannot look for callers: %s", error)
                self._missing.clear()
                continue
            for call in waited_for:
                if call.work.channel in lost:
                    gone(call)
            for channel in holders & lost:
                let_go(channel)

    async def _look(self, channels: set[str]) -> set[str]:
        now = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*[self.alive(channel) for channel in channels])
        missing = {channel for channel, alive in zip(channels, answers, strict=True) if not alive}
        self._missing = {channel: self._missing.get(channel, now) for channel in missing}
        self._alive = {channel: seen for channel, seen in self._alive.items() if now - seen < FRESH_SECONDS}
        return {channel for channel, since in self._missing.items() if now - since >= MISSING_SECONDS}

    def _answered(self, channel: str, done: asyncio.Future[int]) -> None:
        del self._asking[channel]
        if not done.cancelled() and done.exception() is None:
            if done.result():
                self._alive[channel] = asyncio.get_running_loop().time()
            else:
                self._alive.pop(channel, None)

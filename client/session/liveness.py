"""Noticing at once that a worker died: its subscription is gone with its connection, which the kernel closes for it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from broker.errors import RpcError
from broker.link import Link, ReplyError

if TYPE_CHECKING:
    from client.session.live import LiveSession

LOOK_SECONDS: Final = 0.5
MOST_MISSES: Final = 2
"""Looks in a row at which nobody is subscribed: one may fall into a moment in which a live worker connects again."""
PAUSE_SECONDS: Final = 3.0
"""How long nobody counts as gone after Redis was away: workers take as long to connect again."""

_log: Final = logging.getLogger("callyard.session")


class Liveness:
    """Looks at the workers of the sessions that *sessions* gives, with one command for all, while there are any."""

    def __init__(self, link: Link, sessions: Callable[[], Iterable[tuple[str, LiveSession]]]) -> None:
        self._link = link
        self._sessions = sessions
        self._misses: Counter[str] = Counter()
        self._not_before = 0.0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look from now on, until there is no session left."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look_forever())

    def pause(self) -> None:
        """Give workers the time to connect again."""
        self._not_before = asyncio.get_running_loop().time() + PAUSE_SECONDS
        self._misses.clear()

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _look_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            sessions = list(self._sessions())
            if not sessions:
                return
            if loop.time() < self._not_before or not self._link.connected:
                continue
            try:
                await self._look(sessions)
            except ReplyError as error:
                # Not allowed to: a worker that died then shows when its inbox expires.
                _log.warning("cannot see whether workers live: %s", error)
                return
            except RpcError as error:
                _log.debug("cannot look for workers: %s", error)

    async def _look(self, sessions: list[tuple[str, LiveSession]]) -> None:
        channels = sorted({channel for channel, _ in sessions})
        flat: list[Any] = await self._link.send("PUBSUB", "NUMSUB", *channels)
        missing = {name.decode() for name, count in zip(flat[::2], flat[1::2], strict=True) if not count}
        self._misses = Counter({name: self._misses[name] + 1 for name in missing})
        for channel, session in sessions:
            if self._misses[channel] >= MOST_MISSES:
                session.break_off("The worker that held it is gone.")

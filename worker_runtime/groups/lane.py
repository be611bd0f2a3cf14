"""The quarantine lane: calls that cost a worker are tried one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

PROVEN_SECONDS: Final = 0.1
"""A suspect that has run for so long without ending its process lets the next one begin."""


class Lane:
    """Lets one suspect begin at a time, so that a killer takes no other suspect with it.

    The last try of a call has the lane until it ends. Earlier tries give it free after
    `PROVEN_SECONDS`: what a lost worker left may be many long calls, and most are innocent.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def enter(self) -> Callable[[], None]:
        """Wait for the lane; call what is returned when the suspect has ended. Safe to cancel."""
        await self._lock.acquire()
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self._lock.release()

        return leave

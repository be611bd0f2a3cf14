"""What this process has in its hands: the calls that run, and the deliveries that wait to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from worker_runtime.groups.delivery import Key, Source, Work
from worker_runtime.invoking.invocation import Invocation

MOST_UNCOUNTED: Final = 1000
"""Deliveries that may wait for another call without taking the place of one that could run."""


class Parked:
    """A delivery that has not begun: something has to be found out or waited for first."""

    __slots__ = ("claimed", "held_until", "key", "lost", "settling", "task", "work")

    def __init__(self, work: Work, now: float, held_until: float) -> None:
        self.work = work
        self.key: Final = work.delivery.key
        """The fence of its delivery."""
        self.claimed = now
        self.held_until = held_until
        self.lost = False
        self.settling = False
        self.task: asyncio.Task[None] | None = None

    @property
    def stream(self) -> str:
        """The key of the stream that it is pending in."""
        return self.work.delivery.source.stream

    def stop(self) -> None:
        """End the waiting."""
        if self.task is not None:
            self.task.cancel()


Held = Invocation | Parked
"""A delivery whose lease this process renews, begun or not."""


class Claims:
    """The deliveries of this process by their fence, and how many more it takes.

    No service of a pool may take the last places: a slow one would starve its neighbours.
    """

    def __init__(self, concurrency: int, services: Iterable[str]) -> None:
        names = set(services)
        self.running: Final[dict[Key, Invocation]] = {}
        self.parked: Final[dict[Key, Parked]] = {}
        self._concurrency = concurrency
        self._share = share(concurrency, len(names))
        self._of_service: dict[str, int] | None = dict.fromkeys(names, 0) if len(names) > 1 else None
        self._uncounted: set[Key] = set()
        self._changed = asyncio.Event()

    @property
    def free(self) -> int:
        """How many more deliveries this process takes now."""
        return self._concurrency - len(self.running) - len(self.parked) + len(self._uncounted)

    def open(self, sources: Sequence[Source]) -> Sequence[Source]:
        """Those of *sources* whose service has not used up its share."""
        used = self._of_service
        if used is None:
            return sources
        return [source for source in sources if used[source.serving.service.name] < self._share]

    def held(self) -> list[Held]:
        """All deliveries in this process's hands. May be called from any thread."""
        # Copying a dict's values is one step for CPython, whatever the event loop does meanwhile.
        return [*list(self.running.values()), *list(self.parked.values())]

    def begin(self, key: Key, invocation: Invocation) -> None:
        """Count *invocation* as running."""
        self.running[key] = invocation
        if self._of_service is not None:
            self._count(invocation.work, 1)

    def end(self, key: Key) -> None:
        """Forget an invocation that has ended."""
        invocation = self.running.pop(key, None)
        if invocation is not None and self._of_service is not None:
            self._count(invocation.work, -1)
        self._changed.set()

    def park(self, key: Key, parked: Parked) -> None:
        """Count *parked* as taken, though it does not run."""
        self.parked[key] = parked
        self._count(parked.work, 1)

    def unpark(self, key: Key) -> None:
        """Forget a delivery that waits no longer."""
        parked = self.parked.pop(key, None)
        if parked is not None:
            self._count(parked.work, -1)
        self._uncounted.discard(key)
        self._changed.set()

    def step_aside(self, key: Key) -> None:
        """Let a parked delivery wait without keeping others from running, while not too many do."""
        if key in self.parked and len(self._uncounted) < MOST_UNCOUNTED:
            self._uncounted.add(key)
            self._changed.set()

    async def wait_free(self) -> None:
        """Wait until at least one more delivery is taken. Safe to cancel."""
        while self.free <= 0:
            await self.change()

    async def wait_empty(self) -> None:
        """Wait until nothing is held. Safe to cancel."""
        while self.running or self.parked:
            await self.change()

    def nudge(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()

    async def change_soon(self) -> None:
        """Wait until something was given up, at most a second. Safe to cancel."""
        try:
            async with asyncio.timeout(1):
                await self.change()
        except TimeoutError:
            return

    async def change(self) -> None:
        """Wait until something was given up. Safe to cancel."""
        self._changed.clear()
        await self._changed.wait()

    def _count(self, work: Work, change: int) -> None:
        if self._of_service is not None:
            self._of_service[work.delivery.source.serving.service.name] += change


def share(concurrency: int, services: int) -> int:
    """Places that one of so many services may take: all but a tenth (at least one) for each other one."""
    return max(1, concurrency - (services - 1) * max(1, concurrency // 10))

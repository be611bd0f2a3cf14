"""Sweeping: taking over the calls that lost workers left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from broker.link import Link
from client.calling.deadline import RedisClock
from worker_runtime.consuming.dispatcher import Dispatcher
from worker_runtime.groups.delivery import Delivery, Source, value_of
from worker_runtime.groups.sweeping import Claimed, GroupSweeper


class Sweeper:
    """Hands what lost workers left of *sources* to a dispatcher.

    It comes before anything new: it takes the next free place.
    """

    def __init__(
        self,
        link: Link,
        consumer: str,
        clock: RedisClock,
        sources: Sequence[Source],
        dispatcher: Dispatcher,
    ) -> None:
        lease = min(source.serving.settings.lease for source in sources)
        self._group = GroupSweeper(link, consumer, clock, lease)
        self._sources = sources
        self._dispatcher = dispatcher
        self.heard_of: Callable[[str, bytes], None] | None = None
        """Told stream and ID of what is taken over, before anything else is done with it."""
        self.waiting = False
        """Whether it waits for a place: readers of new calls leave the next one to it."""

    def wake(self) -> None:
        """Sweep now: another worker has given something back."""
        self._group.wake()

    def hold_off(self) -> None:
        """Claim nothing for a while: Redis was away, and leases may have ended unfairly."""
        self._group.hold_off()

    async def came_back(self) -> None:
        """Hold off, as a hook of the link that claims go through: it was gone."""
        self.hold_off()

    async def run(self) -> None:
        """Sweep until cancelled; what was claimed by then is still taken."""
        while True:
            for source in self._sources:
                await self._sweep(source)
            await self._group.rest()

    async def _sweep(self, source: Source) -> None:
        def take(claimed: Claimed, leave: Callable[[], None]) -> None:
            if self.heard_of is not None:
                self.heard_of(source.stream, claimed.entry_id)
            delivery = Delivery(source, claimed.entry_id, claimed.delivery_count, value_of(claimed.fields))
            self._dispatcher.take_suspect(delivery, leave)

        mark, lease = source.keys.sweep(source.entrypoint), source.serving.settings.lease
        await self._group.sweep(source.stream, mark, lease, self._wait_for_place, take)

    async def _wait_for_place(self) -> None:
        self.waiting = True
        try:
            await self._dispatcher.claims.wait_free()
        finally:
            self.waiting = False

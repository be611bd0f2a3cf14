"""All queues that a worker consumes: started, drained and given up together with its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from broker.keys import QueueKeys
from broker.link import Address, Link
from client.calling.deadline import RedisClock
from worker_runtime.config import QueueConsumer
from worker_runtime.groups.reading import SLOWEST_STOP
from worker_runtime.invoking.observing import Observer
from worker_runtime.queues.batches import MOST_AT_A_TIME, Batches
from worker_runtime.queues.endings import QueueEndings
from worker_runtime.queues.handler import Handler
from worker_runtime.queues.held import HeldMessage
from worker_runtime.queues.intake import Intake
from worker_runtime.queues.places import Places
from worker_runtime.services.serving import Serving


class QueueConsumers:
    """The consumers of this process, each with a connection of its own that its reads block.

    Without any, nothing here does anything.
    """

    def __init__(
        self,
        commands: Link,
        address: Address,
        consumer: str,
        clock: RedisClock,
        served: Iterable[tuple[Serving, Sequence[QueueConsumer]]],
    ) -> None:
        self._commands = commands
        self._intakes: list[Intake] = []
        self._batches: dict[str, Batches] = {}
        self._places: list[Places] = []
        self._reading: list[asyncio.Task[None]] = []
        self._looking: list[asyncio.Task[None]] = []
        served = [(serving, queues) for serving, queues in served if queues]
        most = sum(queue.max_concurrency or MOST_AT_A_TIME for _, queues in served for queue in queues)
        self._threads: Final = ThreadPoolExecutor(max(1, most), thread_name_prefix="callyard-queue")
        for serving, queues in served:
            handler = Handler(serving.service)
            for queue in queues:
                self._add(serving, handler, queue, address, consumer, clock)

    @property
    def streams(self) -> list[str]:
        """The streams that are read."""
        return list(self._batches)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of each batch that was handled from now on, on the event loop."""
        for batches in self._batches.values():
            batches.observe = observer

    async def open(self, timeout: float) -> None:
        """Connect, and make sure that the queues exist.

        Raises:
            RpcError: Redis is away or refuses it.
        """
        await asyncio.gather(*[intake.reader.link.open(timeout) for intake in self._intakes])
        await asyncio.gather(*[intake.reader.create_groups() for intake in self._intakes])

    def start(self) -> list[asyncio.Task[None]]:
        """Take messages from now on. What is returned ends only when it is stopped."""
        if self._intakes:
            self._commands.on_open.append(self._came_back)
        make = asyncio.get_running_loop().create_task
        self._reading = [make(intake.read(), name="queue reader") for intake in self._intakes]
        for intake in self._intakes:
            self._looking += [make(intake.sweep(), name="queue sweeper"), make(intake.move_due(), name="due messages")]
        # Not among those that end when the process is to stop: batches that still run need their places.
        keeping = [make(places.keep(), name="places") for places in self._places]
        return [*self._reading, *self._looking, *keeping]

    def held(self) -> list[HeldMessage]:
        """All messages in this process's hands. May be called from any thread."""
        # Copying a dict's values is one step for CPython, whatever the event loop does meanwhile.
        return [held for batches in self._batches.values() for held in list(batches.held.values())]

    def lose(self, held: HeldMessage) -> None:
        """Let go of a message that another worker has now."""
        self._batches[held.stream].lose(held)

    async def stop(self) -> None:
        """Take no further messages and begin no further batches; when this returns, nothing is being read."""
        for batches in self._batches.values():
            batches.stop()
        for intake in self._intakes:
            intake.reader.stop()
        for task in self._looking:
            task.cancel()
        if tasks := [*self._looking, *self._reading]:
            await asyncio.wait(tasks, timeout=SLOWEST_STOP)

    async def drain(self, grace: float) -> bool:
        """Wait until all messages have ended, at most *grace* seconds; whether that came about."""
        drained = all(await asyncio.gather(*[batches.drain(grace) for batches in self._batches.values()]))
        await self._give_places_back()
        return drained

    async def abandon(self) -> None:
        """End what runs and give it back, so that other workers take it over at once."""
        await asyncio.gather(*[batches.abandon() for batches in self._batches.values()])
        await self._give_places_back()

    async def close(self) -> None:
        """Disconnect; threads that still run a handler end by themselves."""
        for intake in self._intakes:
            await intake.reader.link.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _add(
        self,
        serving: Serving,
        handler: Handler,
        queue: QueueConsumer,
        address: Address,
        consumer: str,
        clock: RedisClock,
    ) -> None:
        commands, lease = self._commands, serving.settings.lease
        keys = QueueKeys(serving.keys.prefix, queue.queue)
        endings = QueueEndings(commands, consumer, keys, queue.dead_letter_queue)
        batches = self._batches[keys.messages] = Batches(queue, handler, serving, endings, self._threads)
        if queue.max_concurrency is not None:
            places = Places(commands, keys, consumer, queue.max_concurrency, lease, lambda: batches.places_wanted)
            batches.share(places)
            self._places.append(places)
        self._intakes.append(Intake(commands, address, consumer, keys, batches, lease, clock))

    async def _give_places_back(self) -> None:
        if self._places and self._commands.connected:
            # Where it fails they lapse by themselves, in a lease.
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.gather(*[places.ask() for places in self._places], return_exceptions=True)

    async def _came_back(self) -> None:
        for intake in self._intakes:
            intake.hold_off()

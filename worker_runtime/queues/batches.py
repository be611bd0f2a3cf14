"""The messages of one queue in this process: collected, handled in batches, and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from concurrent.futures import Executor
from typing import Any, Final

from broker.errors import ProtocolError, RpcError
from broker.message import unpack_message
from worker_runtime.config import QueueConsumer
from worker_runtime.groups.delivery import Key
from worker_runtime.invoking.observing import Observer, describe_batch
from worker_runtime.queues.batch import Message, MessageBatch
from worker_runtime.queues.batching import Batching
from worker_runtime.queues.endings import QueueEndings
from worker_runtime.queues.handler import Handler
from worker_runtime.queues.held import HeldMessage
from worker_runtime.queues.places import Places
from worker_runtime.queues.sending import LARGEST_BATCH, decode_body
from worker_runtime.queues.verdicts import Fate, Outcome, Verdicts, exhausted, limited
from worker_runtime.services.serving import Serving

GRACE_SECONDS: Final = 5.0
"""How long after the time of its handler a message's lease is still renewed: the time to settle it."""

MOST_AT_A_TIME: Final = 10
"""Batches that one process handles at a time where the configuration says nothing."""

_log = logging.getLogger("callyard.worker")


class Batches:
    """Takes deliveries and hands them to the handler, as many batches at a time as *places* has, or ten.

    Every one of them ends settled, dead-lettered, given back, or pending for another worker.
    """

    def __init__(
        self, consumer: QueueConsumer, handler: Handler, serving: Serving, endings: QueueEndings, threads: Executor
    ) -> None:
        self.held: Final[dict[Key, HeldMessage]] = {}
        self.delayed: Final = asyncio.Event()
        """Set when a message was put aside, to be tried again later."""
        self.observe: Observer | None = None
        """Told of each batch that was handled and how, before its messages are settled."""
        self._consumer = consumer
        self._handler = handler
        self._serving = serving
        self._endings = endings
        self._threads = threads
        self._batching = Batching[HeldMessage](consumer.max_batch_size, consumer.max_batch_timeout, LARGEST_BATCH)
        self._running: set[asyncio.Task[None]] = set()
        self._burying: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._places: Places | None = None
        self._changed = asyncio.Event()

    @property
    def wanted(self) -> int:
        """How many more messages are taken now."""
        return self._batching.wanted if self._free else 0

    @property
    def _free(self) -> bool:
        most = MOST_AT_A_TIME if self._places is None else self._places.has
        return not self._stopped and len(self._running) < most

    @property
    def places_wanted(self) -> int:
        """How many batches run, and one more to read for, unless none is to begin any more."""
        return len(self._running) + (not self._stopped)

    def share(self, places: Places) -> None:
        """Handle no more batches than *places* has."""
        self._places = places
        places.granted = self._granted

    def take(self, stream: str, key: Key, value: bytes) -> HeldMessage | None:
        """Count a delivery as held; None where it is no message, which goes to the dead letters."""
        try:
            message = unpack_message(value)
        except ProtocolError as error:
            self._chore(self._endings.bury_unread(key, value, error.message))
            return None
        held = self.held[key] = HeldMessage(stream, key, value, message, asyncio.get_running_loop().time())
        return held

    def add(self, held: HeldMessage) -> None:
        """Let *held* wait for its batch."""
        self._batching.add(held, len(held.message.body), asyncio.get_running_loop().time())
        self._pump()

    def run_alone(self, held: HeldMessage) -> asyncio.Task[None] | None:
        """Handle *held*, which cost a worker, in a batch of its own; None where there is nothing more to wait for.

        One message that kills its worker so takes no other one with it to the dead letters.
        """
        if self._stopped:
            self.add(held)
            return None
        if exhausted(held.attempts - 1, self._consumer.max_retries):
            self._chore(self._give_up(held))
            return None
        return self._start([held])

    def is_last(self, held: HeldMessage) -> bool:
        """Whether *held* is dead if it is not handled this time."""
        return exhausted(held.attempts, self._consumer.max_retries)

    async def wait_free(self) -> None:
        """Wait until one more batch may run. Safe to cancel."""
        while not self._free:
            await self.change()

    async def change(self) -> None:
        """Wait until something has ended. Safe to cancel."""
        self._changed.clear()
        await self._changed.wait()

    def stop(self) -> None:
        """Begin no further batch."""
        self._stopped = True
        self._changed.set()
        self._turn()
        if self._timer is not None:
            self._timer.cancel()

    async def drain(self, grace: float) -> bool:
        """Give back what waits, and wait until all else has ended, at most *grace* seconds; whether that came about."""
        if waiting := self._batching.clear():
            for held in waiting:
                self.held.pop(held.key, None)
            self._chore(self._endings.release([(held, False) for held in waiting]))
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        while tasks := self._running | self._burying:
            if loop.time() >= end:
                return False
            await asyncio.wait(tasks, timeout=end - loop.time())
        return True

    async def abandon(self) -> None:
        """End what runs and give it back, so that other workers take it over at once."""
        left = list(self.held.values())
        for held in left:
            held.lost = True
        for task in self._running:
            task.cancel()
        # Those that had begun count this delivery as one that lost its worker.
        releasing = asyncio.ensure_future(self._endings.release([(held, held.task is not None) for held in left]))
        releasing.add_done_callback(self._released)
        await asyncio.wait({releasing, *self._running}, timeout=1)

    def lose(self, held: HeldMessage) -> None:
        """Let go of a message that another worker has now."""
        if held.lost or held.settling:
            return
        held.lost = True
        _log.warning("lost the claim on message %s of queue %s", held.message.id, self._consumer.queue)
        batch = [other for other in self.held.values() if other.task is held.task]
        if held.task is not None and all(other.lost for other in batch):
            held.task.cancel()

    def _granted(self) -> None:
        self._changed.set()
        self._pump()

    def _turn(self) -> None:
        if self._places is not None:
            self._places.turned.set()

    def _released(self, releasing: asyncio.Future[None]) -> None:
        if not releasing.cancelled() and (error := releasing.exception()) is not None:
            _log.warning("queue %s: could not give messages back: %s", self._consumer.queue, error)

    def _pump(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._free and (batch := self._batching.take(now)):
            self._start(batch)
        if self._timer is not None:
            self._timer.cancel()
        due = self._batching.due(now)
        if due is not None and self._free:
            self._timer = asyncio.get_running_loop().call_at(due, self._pump)

    def _start(self, batch: Sequence[HeldMessage]) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._run(batch))
        until = loop.time() + self._handler.limit + self._serving.settings.wait_until_limit + GRACE_SECONDS
        for held in batch:
            held.task, held.held_until = task, until
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, batch))
        self._turn()
        return task

    def _ended(self, task: asyncio.Task[None], batch: Sequence[HeldMessage]) -> None:
        self._running.discard(task)
        for held in batch:
            self.held.pop(held.key, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            unknown = None if isinstance(error, RpcError) else error
            _log.error("queue %s: messages were left pending: %s", self._consumer.queue, error, exc_info=unknown)
        self._turn()
        self._granted()

    async def _run(self, batch: Sequence[HeldMessage]) -> None:
        verdicts, readable = Verdicts(), list[tuple[HeldMessage, Message]]()
        for held in [held for held in batch if not held.lost]:
            try:
                body = decode_body(held.message)
            except RpcError as error:
                self._chore(self._endings.bury_unread(held.key, held.value, error.message))
            else:
                readable.append((held, Message(held.message, body, held.attempts, held.key[0], verdicts)))
        if not readable:
            return
        handed = MessageBatch(self._consumer.queue, [message for _, message in readable], verdicts)
        began = asyncio.get_running_loop().time()
        failure = await self._handler.run(handed, self._serving, self._threads)
        verdicts.open = False
        if self.observe is not None:
            taken = asyncio.get_running_loop().time() - began
            self.observe(describe_batch(self._serving.service, handed.queue, len(readable), taken, failure))
        await self._settle([held for held, _ in readable if not held.lost], verdicts, failed=failure is not None)

    async def _settle(self, batch: Sequence[HeldMessage], verdicts: Verdicts, *, failed: bool) -> None:
        consumer = self._consumer
        outcomes = [
            (held, limited(
                verdicts.wish(held.key[0], failed=failed, retry_delay=consumer.retry_delay),
                attempts=held.attempts, max_retries=consumer.max_retries,
            ))
            for held in batch
        ]  # fmt: skip
        for held in batch:
            held.settling = True
        if fenced := await self._endings.settle(outcomes):
            _log.warning("queue %s: %d messages were another worker's by then", consumer.queue, len(fenced))
        if any(outcome.delay for _, outcome in outcomes):
            self.delayed.set()

    async def _give_up(self, held: HeldMessage) -> None:
        try:
            await self._endings.settle([(held, Outcome(Fate.DEAD))], abandoned=True)
        finally:
            self.held.pop(held.key, None)

    def _chore(self, ending: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(ending)
        self._burying.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._burying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("queue %s: a message was left pending: %s", self._consumer.queue, error)

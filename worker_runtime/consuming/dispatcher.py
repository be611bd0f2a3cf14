"""What becomes of the calls delivered to this worker: where reading, running and ending meet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from broker.envelope import peek_call, unpack_call
from broker.errors import PayloadTooLarge, ProtocolError, RpcError
from broker.link import Link
from broker.outcomes import refused
from client.calling.deadline import RedisClock
from worker_runtime.consuming.admission import Admission
from worker_runtime.consuming.callers import Callers
from worker_runtime.groups.delivery import Delivery, Work
from worker_runtime.invoking.claims import Claims, Held
from worker_runtime.invoking.execution import Execution
from worker_runtime.invoking.invocation import Invocation, caller_gone, timed_out
from worker_runtime.invoking.observing import Observer, describe_end
from worker_runtime.settling.endings import Endings
from worker_runtime.settling.settler import Settler

TICK_SECONDS: Final = 0.25
"""How often the deadlines of running calls are looked at."""

_log = logging.getLogger("callyard.worker")


class Dispatcher:
    """Takes deliveries, at most *concurrency* at a time.

    Every one of them ends settled, dead-lettered, passed on, given back, or pending for another worker.
    """

    def __init__(
        self, link: Link, consumer: str, clock: RedisClock, *, concurrency: int, services: Iterable[str]
    ) -> None:
        self.claims: Final = Claims(concurrency, services)
        self._callers = Callers(link)
        self._endings = Endings(link, consumer, Settler(link, consumer, self._fenced))
        self.threads: Final = ThreadPoolExecutor(concurrency, thread_name_prefix="callyard-method")
        self._execution = Execution(self.claims, self._endings, clock, self.threads)
        self._admission = Admission(link, clock, self.claims, self._callers, self._execution, self._endings)
        self._burying: set[asyncio.Task[None]] = set()

    @property
    def begun(self) -> int:
        """How many calls were run since the start."""
        return self._execution.begun

    def take(self, deliveries: Iterable[Delivery]) -> None:
        """Start work on *deliveries*; returns at once."""
        now = asyncio.get_running_loop().time()
        for delivery in deliveries:
            work = self._read(delivery)
            if work is not None:
                self._admission.admit(work, now)

    def take_suspect(self, delivery: Delivery, leave: Callable[[], None]) -> None:
        """Start work on a delivery that was taken over; it has the lane, and *leave* is called in the end."""
        work = self._read(delivery)
        if work is None or delivery.delivery_count == 1:
            # Given back before it had begun, or not to be run at all: it is suspected of nothing.
            leave()
            leave = _nothing
        if work is not None:
            self._admission.admit_suspect(work, leave)

    def _read(self, delivery: Delivery) -> Work | None:
        """The call in *delivery*; what is none goes to the dead letters."""
        source, value = delivery.source, delivery.value
        fits = len(value) <= source.limit
        try:
            call = unpack_call(value) if fits else peek_call(value)
            work = Work(
                delivery, call, source.channel(call.caller), bool(call.options) and bool(call.options.get("oneway"))
            )
        except ProtocolError as error:
            self._bury(delivery, error)
            return None
        except Exception as error:
            # Whatever a hostile entry brought about must not end the reading of all others.
            self._bury(delivery, ProtocolError(f"The entry cannot be read: {type(error).__name__}."))
            return None
        if not fits:
            message = f"The call takes {len(value)} bytes; the service takes {source.limit} (its max_message_bytes)."
            self._endings.answer(work, refused(PayloadTooLarge(message)))
            return None
        return work

    def cancel(self, caller: str, sequence: int) -> None:
        """Cancel a call that its caller gave up, or remember that in case it comes later."""
        invocation = self._execution.find(caller, sequence)
        if invocation is None:
            self._admission.remember_cancel(caller, sequence)
        else:
            self._caller_gone(invocation)

    async def watch(self, beat: Callable[[], None]) -> None:
        """Cancel calls at their deadlines, and call *beat* a few times a second, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            beat()
            now = asyncio.get_running_loop().time()
            for invocation in list(self.claims.running.values()):
                if now >= invocation.expires:
                    invocation.cancel(timed_out(invocation.method.name))

    async def watch_callers(self, holding: Callable[[], set[str]], let_go: Callable[[str], None]) -> None:
        """Cancel calls whose callers went away without a word, until cancelled; see `Callers.watch`."""
        await self._callers.watch(lambda: list(self.claims.running.values()), self._caller_gone, holding, let_go)

    async def drain(self, grace: float) -> bool:
        """Wait until nothing is held, at most *grace* seconds; whether that came about."""
        try:
            async with asyncio.timeout(grace):
                await self.claims.wait_empty()
                if self._burying:
                    await asyncio.wait(self._burying)
                await self._endings.settled()
        except TimeoutError:
            return False
        return True

    async def abandon(self) -> None:
        """End what is held and give it back, so that other workers take it over at once."""
        left = self.claims.held()
        for held in left:
            held.lost = True
            held.stop()
        # Those that had begun count this delivery as one that lost its worker.
        self._endings.release((held.work.delivery, isinstance(held, Invocation)) for held in left if not held.settling)
        tasks = [held.task for held in left if held.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await asyncio.wait([asyncio.ensure_future(self._endings.settled())], timeout=1)

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of each call that ends from now on, before its caller hears of it."""
        find = self._execution.find
        self._endings.observe = lambda work, outcome: observer(
            describe_end(work, outcome, find(work.call.caller, work.call.sequence))
        )

    def close(self) -> None:
        """Let the threads go; those that still run a method end by themselves."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def lose(self, held: Held) -> None:
        """Stop work on a delivery that another worker has now: nothing done for it counts any more."""
        if held.lost or held.settling:
            return
        held.lost = True
        if isinstance(held, Invocation):
            held.ctx.mark_cancelled()
        held.stop()
        _log.warning("lost the claim on the call %s", held.work.call.id)

    def _caller_gone(self, invocation: Invocation) -> None:
        if not invocation.method.policy.detached:
            invocation.cancel(caller_gone(invocation.method.name))

    def _fenced(self, delivery: Delivery) -> None:
        invocation = self.claims.running.get(delivery.key)
        if invocation is not None:
            self.lose(invocation)

    def _bury(self, delivery: Delivery, error: ProtocolError) -> None:
        burying: Any = self._endings.bury(delivery, "undecodable", error.message)
        task = asyncio.get_running_loop().create_task(burying)
        self._burying.add(task)
        task.add_done_callback(self._buried)

    def _buried(self, task: asyncio.Task[None]) -> None:
        self._burying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            unknown = None if isinstance(error, RpcError) else error
            _log.error("an entry that cannot be read was left pending: %s", error, exc_info=unknown)


def _nothing() -> None:
    """Do nothing."""

"""From deliveries to settlements: which calls run here, and how each of them ends."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from broker.codec import decode, pack
from broker.envelope import Reply, pack_reply, unpack_call
from broker.errors import CallAbandoned, CallTimeout, ConfigurationError, ProtocolError, RpcError
from broker.keys import GROUP
from broker.link import Link, Script
from broker.names import call_id
from broker.redelivery import Decision, decide
from client.deadline import RedisClock
from worker_runtime.context import Context
from worker_runtime.delivery import Delivery, Work
from worker_runtime.invocation import Invocation, Outcome, caller_gone, find_method, refused, run
from worker_runtime.method import Method
from worker_runtime.settling import Settlement, Settler

DEAD: Final = Script("dead")
RELEASE: Final = Script("release")

MOST_DEAD_LETTERS: Final = 10_000
_REMEMBERED_CANCELS: Final = 10_000
_CALLER: Final = re.compile(r"[a-z0-9]{8,64}")

_log = logging.getLogger("callyard.worker")


class Dispatcher:
    """Runs the calls delivered to this worker, at most *concurrency* at a time.

    Every delivery ends settled, dead-lettered, given back, or pending for another worker.
    """

    def __init__(self, link: Link, consumer: str, clock: RedisClock, *, concurrency: int) -> None:
        self.running: dict[tuple[bytes, int], Invocation] = {}
        self.begun = 0
        self._link = link
        self._consumer = consumer
        self._clock = clock
        self._concurrency = concurrency
        self._settler = Settler(link, consumer, self._fenced)
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="callyard-method")
        self._changed = asyncio.Event()
        self._calls: dict[tuple[str, int], Invocation] = {}
        self._cancelled: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._limits: dict[int, asyncio.Semaphore] = {}
        self._aside: set[asyncio.Task[None]] = set()

    @property
    def free(self) -> int:
        """How many more calls may run now."""
        return self._concurrency - len(self.running) - len(self._aside)

    async def wait_free(self) -> None:
        """Wait until at least one more call may run. Safe to cancel."""
        while self.free <= 0:
            self._changed.clear()
            await self._changed.wait()

    def take(self, deliveries: Iterable[Delivery]) -> None:
        """Start work on *deliveries*; returns at once."""
        for delivery in deliveries:
            try:
                call = unpack_call(delivery.value)
                if not _CALLER.fullmatch(call.caller):
                    raise ProtocolError("The entry is not a call: its caller has an impossible name.")
            except ProtocolError as error:
                self._set_aside(self._bury(delivery, "undecodable", error.message))
                continue
            work = Work(delivery, call)
            if delivery.delivery_count > 1:
                self._set_aside(self._take_again(work))
            else:
                self._begin(work, replied=False)

    def cancel(self, caller: str, sequence: int) -> None:
        """Cancel a call that its caller gave up, or remember that in case it comes later."""
        invocation = self._calls.get((caller, sequence))
        if invocation is None:
            self._cancelled[caller, sequence] = None
            if len(self._cancelled) > _REMEMBERED_CANCELS:
                self._cancelled.popitem(last=False)
        elif not invocation.method.policy.detached:
            invocation.cancel(caller_gone(invocation.method.name))

    async def drain(self, grace: float) -> bool:
        """Wait until nothing runs, at most *grace* seconds; whether that came about."""
        try:
            async with asyncio.timeout(grace):
                while self.running or self._aside:
                    self._changed.clear()
                    await self._changed.wait()
                await self._settler.settled()
        except TimeoutError:
            return False
        return True

    async def abandon(self) -> None:
        """End what still runs and give it back, so that other workers take it over at once."""
        left = list(self.running.values())
        for invocation in left:
            invocation.lost = True
            if invocation.task is not None:
                invocation.task.cancel()
        for invocation in left:
            delivery = invocation.work.delivery
            # It had begun, so this delivery counts.
            RELEASE.run(
                self._link,
                [delivery.source.stream],
                [GROUP, self._consumer, delivery.entry_id, delivery.delivery_count, 1],
            ).add_done_callback(lambda done: done.cancelled() or done.exception())
        tasks = [invocation.task for invocation in left if invocation.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        await asyncio.wait([asyncio.ensure_future(self._settler.settled())], timeout=1)

    def close(self) -> None:
        """Let the threads go; those that still run a method end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def lose(self, invocation: Invocation) -> None:
        """Stop an invocation whose call another worker has now: nothing it does counts any more."""
        invocation.lost = True
        invocation.ctx.mark_cancelled()
        if invocation.task is not None:
            invocation.task.cancel()
        _log.warning("lost the claim on %s %s", invocation.method.name, invocation.ctx.call_id)

    def _fenced(self, delivery: Delivery) -> None:
        invocation = self.running.get((delivery.entry_id, delivery.delivery_count))
        if invocation is not None and not invocation.lost:
            self.lose(invocation)

    def _set_aside(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._back)

    def _back(self, task: asyncio.Task[None]) -> None:
        self._aside.discard(task)
        self._changed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a delivery was left pending: %s", error)

    async def _take_again(self, work: Work) -> None:
        """Take a call that another delivery had begun: ask first whether that one had replied."""
        replied = await self._link.send("EXISTS", _tail_key(work))
        self._begin(work, replied=bool(replied))

    def _begin(self, work: Work, *, replied: bool) -> None:
        delivery, call = work
        settings = delivery.source.serving.settings
        try:
            method = find_method(delivery.source.serving, delivery.source.entrypoint, call.program)
        except (RpcError, ConfigurationError) as error:
            self._settle(work, refused(error))
            return
        decision = decide(
            delivery_count=delivery.delivery_count,
            retries=_retries(work, method),
            deadline=call.deadline,
            now=self._clock.at(asyncio.get_running_loop().time()),
            replied=replied,
        )
        if decision is Decision.ABANDON:
            self._set_aside(self._bury(delivery, "abandoned", f"{delivery.delivery_count - 1} workers were lost", work))
        elif (call.caller, call.sequence) in self._cancelled:
            del self._cancelled[call.caller, call.sequence]
            self._settle(work, refused(caller_gone(method.name)))
        elif decision is Decision.EXPIRE:
            self._settle(work, refused(CallTimeout(f"{method.name} was not started in time.", executed="no")))
        else:
            self._start(work, method, settings.wait_until_limit if replied else None)

    def _start(self, work: Work, method: Method, extended: float | None) -> None:
        loop = asyncio.get_running_loop()
        delivery, call = work
        serving = delivery.source.serving
        now = loop.time()
        expires = self._clock.monotonic(call.deadline) if extended is None else now + extended
        if method.policy.timeout is not None:
            expires = min(expires, now + method.policy.timeout)
        shown_id = call_id(call.caller, call.sequence, serving.service.name)
        # Redis's clock shows time since the epoch; nothing depends on this process's own.
        moment = self._clock.at(expires) / 1000 if self._clock.offset_ms else time.time() + expires - now
        ctx = Context(shown_id, loop, moment, delivery.delivery_count, exports=serving.exports)
        invocation = Invocation(work, method, ctx, serving.env, now, expires)
        key = (delivery.entry_id, delivery.delivery_count)
        self.running[key] = invocation
        self._calls[call.caller, call.sequence] = invocation
        self.begun += 1
        invocation.task = task = loop.create_task(self._run(invocation))
        ctx.on_abort = invocation.interrupt
        task.add_done_callback(lambda done: self._ended(key, invocation, done))

    async def _run(self, invocation: Invocation) -> None:
        work, method = invocation.work, invocation.method
        ctx = invocation.ctx
        serving = work.delivery.source.serving
        props = work.call.options.get("props")
        if isinstance(props, bytes):
            try:
                ctx.props = decode(props, limit=serving.settings.max_message_bytes)
            except RpcError as error:
                self._settle(work, refused(error))
                return
        limit = self._limit(method)
        if limit is None:
            outcome = await run(invocation, serving, self._threads)
        else:
            async with limit:
                outcome = await run(invocation, serving, self._threads)
        invocation.replied = True
        if invocation.lost:
            return
        if not ctx.tasks:
            ctx.close()
            invocation.settling = True
            self._settle(work, outcome)
            return
        self._settle(work, outcome, acknowledge=False)
        await ctx.drain(0 if ctx.aborted else serving.settings.wait_until_limit)
        if not invocation.lost:
            invocation.settling = True
            self._finish(work)

    def _ended(self, key: tuple[bytes, int], invocation: Invocation, done: asyncio.Task[None]) -> None:
        self.running.pop(key, None)
        self._calls.pop((invocation.work.call.caller, invocation.work.call.sequence), None)
        self._changed.set()
        if done.cancelled():
            if not invocation.lost:
                # Cancelled before its first step: there is no outcome but the reason.
                self._settle(
                    invocation.work, refused(invocation.cancelled_because or caller_gone(invocation.method.name))
                )
        elif (error := done.exception()) is not None:
            _log.error("the call %s was left pending", invocation.ctx.call_id, exc_info=error)

    def _limit(self, method: Method) -> asyncio.Semaphore | None:
        if method.policy.concurrency is None:
            return None
        limit = self._limits.get(id(method))
        if limit is None:
            limit = self._limits[id(method)] = asyncio.Semaphore(method.policy.concurrency)
        return limit

    def _settle(self, work: Work, outcome: Outcome, *, acknowledge: bool = True) -> None:
        delivery, call = work
        kept_key, kept_ms = work.kept_key, work.kept_ms
        wanted = kept_key is not None or not call.options.get("oneway")
        if not acknowledge and kept_key is None:
            # Whoever takes this call over must know that its caller has been answered.
            wanted, kept_key = True, _tail_key(work)
            kept_ms = int(delivery.source.serving.settings.wait_until_limit * 2000)
        reply = pack_reply(Reply(call.sequence, outcome.kind, outcome.body)) if wanted else b""
        self._settler.settle(
            delivery.source.keys.reply(call.caller), Settlement(delivery, reply, acknowledge, kept_key, kept_ms)
        )

    def _finish(self, work: Work) -> None:
        self._settler.settle(
            work.delivery.source.keys.reply(work.call.caller), Settlement(work.delivery, b"", acknowledge=True)
        )
        self._link.send("DEL", _tail_key(work)).add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _bury(self, delivery: Delivery, reason: str, detail: str, work: Work | None = None) -> None:
        """Dead-letter a delivery, with an answer to its caller where that is known."""
        source = delivery.source
        letter = pack(
            [1, reason, detail, source.entrypoint, delivery.entry_id, delivery.delivery_count, delivery.value]
        )
        reply, channel = b"", source.keys.reply("nobody")
        if work is not None:
            error = CallAbandoned(f"The call was given up: {detail} while running it.", executed="maybe")
            reply = pack_reply(Reply(work.call.sequence, *refused(error)))
            channel = source.keys.reply(work.call.caller)
        _log.error("dead letter: %s#%s %s, %s", source.serving.service.name, source.entrypoint, reason, detail)
        moved = await DEAD.run(
            self._link,
            [source.stream, source.keys.dead, channel],
            [GROUP, self._consumer, delivery.entry_id, delivery.delivery_count, letter, reply, MOST_DEAD_LETTERS],
        )
        if moved and work is not None and work.kept_key is not None:
            await self._link.send("SET", work.kept_key, reply, "PX", work.kept_ms)


def _tail_key(work: Work) -> str:
    return work.delivery.source.keys.tail(work.call.id)


def _retries(work: Work, method: Method) -> int:
    asked = work.call.options.get("retries")
    if isinstance(asked, int) and asked >= 0:
        return asked
    own = method.policy.retries
    return work.delivery.source.serving.settings.retries if own is None else own

"""Running what was admitted: from the start of a method to its acknowledgement."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from broker.codec import decode
from broker.envelope import RAISED
from broker.errors import RpcError
from broker.names import call_id
from client.deadline import RedisClock
from worker_runtime.claims import Claims
from worker_runtime.context import Context
from worker_runtime.delivery import Work
from worker_runtime.endings import Endings
from worker_runtime.invocation import Invocation, Outcome, caller_gone, refused, run
from worker_runtime.method import Method
from worker_runtime.once import Ticket

GRACE_SECONDS: Final = 5.0
"""How long after its deadline a call's lease is still renewed: the time to tell its caller."""

_log = logging.getLogger("callyard.worker")


class Execution:
    """Runs calls as tasks of their own, and hands each outcome to *endings*."""

    def __init__(self, claims: Claims, endings: Endings, clock: RedisClock, threads: ThreadPoolExecutor) -> None:
        self.begun = 0
        self._claims = claims
        self._endings = endings
        self._clock = clock
        self._threads = threads
        self._calls: dict[tuple[str, int], Invocation] = {}
        self._limits: dict[int, asyncio.Semaphore] = {}

    def find(self, caller: str, sequence: int) -> Invocation | None:
        """The invocation of a call that runs here."""
        return self._calls.get((caller, sequence))

    def start(
        self,
        work: Work,
        method: Method,
        *,
        replied: bool = False,
        ticket: Ticket | None = None,
        leave: Callable[[], None] | None = None,
    ) -> None:
        """Run *method* for *work*. *replied* says that its caller has had its answer; *leave* is called at its end."""
        loop = asyncio.get_running_loop()
        delivery, call = work
        now = loop.time()
        expires = self._expiry(work, method, now, replied=replied)
        shown_id = call_id(call.caller, call.sequence, delivery.source.serving.service.name)
        # Redis's clock shows time since the epoch; nothing depends on this process's own.
        moment = self._clock.at(expires) / 1000 if self._clock.offset_ms else time.time() + expires - now
        ctx = Context(shown_id, loop, moment, delivery.delivery_count, exports=delivery.source.serving.exports)
        invocation = Invocation(work, method, ctx, delivery.source.serving.env, now, expires)
        invocation.held_until = expires + GRACE_SECONDS
        invocation.ticket = ticket
        key = delivery.key
        self._claims.begin(key, invocation)
        self._calls[call.caller, call.sequence] = invocation
        self.begun += 1
        invocation.task = task = loop.create_task(self._run(invocation))
        ctx.on_abort = invocation.interrupt
        task.add_done_callback(lambda done: self._ended(invocation, done))
        if leave is not None:
            task.add_done_callback(lambda _: leave())

    def _expiry(self, work: Work, method: Method, now: float, *, replied: bool) -> float:
        if replied:
            expires = now + work.delivery.source.serving.settings.wait_until_limit
        else:
            expires = self._clock.monotonic(work.call.deadline)
        return expires if method.policy.timeout is None else min(expires, now + method.policy.timeout)

    async def _run(self, invocation: Invocation) -> None:
        work = invocation.work
        try:
            self._read_props(invocation)
        except RpcError as error:
            self._endings.answer(work, refused(error), ticket=invocation.ticket)
            return
        serving = work.delivery.source.serving
        limit = self._limit(invocation.method)
        if limit is None:
            outcome = await run(invocation, serving, self._threads)
        else:
            async with limit:
                outcome = await run(invocation, serving, self._threads)
        invocation.replied = True
        if not invocation.lost:
            await self._end(invocation, outcome)

    async def _end(self, invocation: Invocation, outcome: Outcome) -> None:
        """Answer at once, and acknowledge when the background tasks have ended."""
        work, ctx = invocation.work, invocation.ctx
        unheard = outcome.kind == RAISED and work.oneway and work.kept_key is None
        if not ctx.tasks:
            ctx.close()
            invocation.settling = True
            if unheard:
                await self._bury(invocation, outcome)
            else:
                self._endings.answer(work, outcome, ticket=invocation.ticket)
            return
        limit = work.delivery.source.serving.settings.wait_until_limit
        invocation.held_until = asyncio.get_running_loop().time() + limit + GRACE_SECONDS
        if not unheard:
            self._endings.answer(work, outcome, ticket=invocation.ticket, acknowledge=False)
        await ctx.drain(0 if ctx.aborted else limit)
        if invocation.lost:
            return
        invocation.settling = True
        if unheard:
            await self._bury(invocation, outcome)
        else:
            self._endings.finish(work)

    async def _bury(self, invocation: Invocation, outcome: Outcome) -> None:
        """Keep the failure of a call that nobody listens to where an operator finds it."""
        name, message, _, _, _, trace = decode(outcome.body)[:6]
        text = trace if isinstance(trace, str) else ""
        digest = hashlib.sha256((text or f"{name}: {message}").encode()).hexdigest()[:16]
        extras: dict[str, Any] = {"error": f"{name}: {message}"[:1000], "digest": digest, "traceback": text[-8000:]}
        await self._endings.bury(
            invocation.work.delivery, "failed", f"{invocation.method.name} raised {name}",
            work=invocation.work, outcome=outcome, ticket=invocation.ticket, extras=extras,
        )  # fmt: skip

    def _ended(self, invocation: Invocation, done: asyncio.Task[None]) -> None:
        work = invocation.work
        self._claims.end(work.delivery.key)
        if self._calls.get((work.call.caller, work.call.sequence)) is invocation:
            del self._calls[work.call.caller, work.call.sequence]
        if done.cancelled():
            if not invocation.lost:
                # Cancelled before its first step: there is no outcome but the reason.
                reason = invocation.cancelled_because or caller_gone(invocation.method.name)
                self._endings.answer(work, refused(reason), ticket=invocation.ticket)
        elif (error := done.exception()) is not None:
            _log.error("the runtime failed at the call %s", invocation.ctx.call_id, exc_info=error)
            failure = RpcError(f"The runtime failed while it ran {invocation.method.name}.", executed="maybe")
            self._endings.answer(work, refused(failure), ticket=invocation.ticket)

    def _read_props(self, invocation: Invocation) -> None:
        props = invocation.work.call.options.get("props")
        if isinstance(props, bytes):
            limit = invocation.work.delivery.source.serving.settings.max_message_bytes
            invocation.ctx.props = decode(props, limit=limit)

    def _limit(self, method: Method) -> asyncio.Semaphore | None:
        if method.policy.concurrency is None:
            return None
        limit = self._limits.get(id(method))
        if limit is None:
            limit = self._limits[id(method)] = asyncio.Semaphore(method.policy.concurrency)
        return limit

"""Running what was admitted: from the start of a method to its acknowledgement."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from broker.codec import decode
from broker.envelope import RAISED, Outcome
from broker.errors import RpcError
from broker.methods.method import Method
from broker.outcomes import refused
from client.calling.deadline import RedisClock
from worker_runtime.groups.delivery import Work
from worker_runtime.invoking.call_context import CallContext
from worker_runtime.invoking.claims import Claims
from worker_runtime.invoking.invocation import Invocation, caller_gone
from worker_runtime.invoking.running import run
from worker_runtime.settling.endings import Endings
from worker_runtime.settling.once import Ticket

GRACE_SECONDS: Final = 5.0
"""How long after its deadline a call's lease is still renewed: the time to tell its caller."""

_log = logging.getLogger("callyard.worker")


class Admitted(NamedTuple):
    """What the longer way found out about a delivery that may run.

    `replied` says that its caller has had its answer; `leave` is called at its end.
    """

    replied: bool = False
    ticket: Ticket | None = None
    leave: Callable[[], None] | None = None


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

    def start(self, work: Work, method: Method, now: float, admitted: Admitted | None = None) -> None:
        """Run *method* for *work*, beginning *now* (seconds of the event loop's clock)."""
        loop = asyncio.get_running_loop()
        call, source = work.call, work.delivery.source
        expires = self._clock.monotonic(call.deadline)
        if method.policy.timeout is not None:
            expires = min(expires, now + method.policy.timeout)
        ctx = CallContext(work, loop, self._clock, expires)
        invocation = Invocation(work, method, ctx, source.serving.env, now, expires)
        if admitted is not None:
            self._heed(invocation, ctx, admitted, now)
        invocation.held_until = invocation.expires + GRACE_SECONDS
        ctx.on_abort = invocation.interrupt
        self._claims.begin(invocation.key, invocation)
        self._calls[call.caller, call.sequence] = invocation
        self.begun += 1
        invocation.task = loop.create_task(self._run(invocation))

    def _heed(self, invocation: Invocation, ctx: CallContext, admitted: Admitted, now: float) -> None:
        invocation.ticket, invocation.leave = admitted.ticket, admitted.leave
        if admitted.replied:
            timeout = invocation.method.policy.timeout
            limit = invocation.work.delivery.source.serving.settings.wait_until_limit
            invocation.expires = now + (limit if timeout is None else min(limit, timeout))
            ctx.expires = invocation.expires

    async def _run(self, invocation: Invocation) -> None:
        """Run the call to its end. The task is never cancelled before it has come here."""
        invocation.started = True
        try:
            if invocation.interrupted:
                self._answer_unstarted(invocation)
            else:
                await self._run_method(invocation)
        except asyncio.CancelledError:
            if not invocation.lost:
                self._answer_unstarted(invocation)
        except Exception as error:
            _log.error("the runtime failed at the call %s", invocation.ctx.call_id, exc_info=error)
            failure = RpcError(f"The runtime failed while it ran {invocation.method.name}.", executed="maybe")
            self._endings.answer(invocation.work, refused(failure), ticket=invocation.ticket)
        finally:
            self._ended(invocation)

    async def _run_method(self, invocation: Invocation) -> None:
        work, ctx, method = invocation.work, invocation.ctx, invocation.method
        if work.call.options and not self._read_props(invocation):
            return
        if method.policy.concurrency is None:
            outcome = await run(invocation, self._threads)
        else:
            async with self._limit(method, method.policy.concurrency):
                outcome = await run(invocation, self._threads)
        invocation.replied = True
        if invocation.lost:
            if invocation.session is not None:
                invocation.session.break_off("The call is another worker's now.")
            return
        if ctx.tasks or (outcome.kind == RAISED and work.oneway):
            await self._end(invocation, outcome)
            return
        invocation.settling = True
        self._endings.answer(work, outcome, ticket=invocation.ticket)
        self._close(invocation)

    def _close(self, invocation: Invocation) -> None:
        """End the context of a call that was answered, unless its caller still holds something of it."""
        if invocation.session is None:
            invocation.ctx.close()
        else:
            from worker_runtime.invoking.live import keep_open

            keep_open(invocation)

    def _answer_unstarted(self, invocation: Invocation) -> None:
        # There is no outcome but the reason.
        reason = invocation.cancelled_because or caller_gone(invocation.method.name)
        if not invocation.lost:
            self._endings.answer(invocation.work, refused(reason), ticket=invocation.ticket)

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
        if invocation.session is not None:
            self._close(invocation)
        await ctx.drain(0 if ctx.aborted else limit, final=invocation.session is None)
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

    def _ended(self, invocation: Invocation) -> None:
        call = invocation.work.call
        # The context of the task holds the invocation: a circle that only the garbage collector would undo.
        invocation.task = None
        self._claims.end(invocation.key)
        if self._calls.get((call.caller, call.sequence)) is invocation:
            del self._calls[call.caller, call.sequence]
        if invocation.leave is not None:
            invocation.leave()
        if not self._claims.running:
            # No other call of this tick is to be waited for.
            self._endings.send()

    def _read_props(self, invocation: Invocation) -> bool:
        """Whether the props of the call could be read; if not, it was refused."""
        work = invocation.work
        props = work.call.options.get("props")
        if isinstance(props, bytes):
            try:
                invocation.ctx.props = decode(props, limit=work.delivery.source.limit)
            except RpcError as error:
                self._endings.answer(work, refused(error), ticket=invocation.ticket)
                return False
        return True

    def _limit(self, method: Method, concurrency: int) -> asyncio.Semaphore:
        limit = self._limits.get(id(method))
        if limit is None:
            limit = self._limits[id(method)] = asyncio.Semaphore(concurrency)
        return limit

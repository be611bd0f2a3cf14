"""Which deliveries run here, and when: a short way for nearly all, a longer one for those with a history."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from broker.envelope import Step
from broker.errors import CallTimeout, ConfigurationError, ReservedMethod, RpcError
from broker.link import Link
from broker.methods.method import Method
from broker.outcomes import refused
from broker.redelivery import Decision, decide, in_time
from client.calling.deadline import RedisClock
from worker_runtime.consuming.callers import Callers
from worker_runtime.consuming.elsewhere import Elsewhere
from worker_runtime.groups.delivery import Source, Work
from worker_runtime.groups.lane import PROVEN_SECONDS
from worker_runtime.invoking.claims import Claims, Parked
from worker_runtime.invoking.execution import Admitted, Execution
from worker_runtime.invoking.invocation import caller_gone, lost_live
from worker_runtime.invoking.steps import find_method
from worker_runtime.settling.endings import Endings
from worker_runtime.settling.once import Ticket, acquire

_REMEMBERED_CANCELS: Final = 100_000
"""As many as the default backlog has calls: of the calls that wait, none is forgotten."""
_UNUSUAL: Final = frozenset({"key", "again"})
"""Options that take a look at what happened before."""

_log = logging.getLogger("callyard.worker")


class Admission:
    """Decides about each delivery. Whatever it decides is carried out by `Execution` or `Endings`."""

    def __init__(
        self, link: Link, clock: RedisClock, claims: Claims, callers: Callers, execution: Execution, endings: Endings
    ) -> None:
        self._link = link
        self._clock = clock
        self._claims = claims
        self._callers = callers
        self._execution = execution
        self._endings = endings
        self._elsewhere = Elsewhere(link, clock)
        self._cancelled: OrderedDict[tuple[str, int], None] = OrderedDict()

    def admit(self, work: Work, now: float) -> None:
        """Begin *work*, which came *now*, answer it, or find out first what that takes. Never blocks."""
        delivery, call = work.delivery, work.call
        usual = delivery.delivery_count == 1 and (not call.options or not _UNUSUAL & call.options.keys())
        if usual and (work.oneway or self._callers.known(work.channel, now)):
            try:
                method = find_method(delivery.source, call.program[0])
            except (RpcError, ConfigurationError):
                # Another worker may know it.
                pass
            else:
                self._begin(work, method, now)
                return
        self._park(work)

    def admit_suspect(self, work: Work, leave: Callable[[], None]) -> None:
        """As `admit`, for a call that was taken over; it has the lane until *leave* is called. Never blocks."""
        self._park(work, leave)

    def remember_cancel(self, caller: str, sequence: int) -> None:
        """Refuse the call when it comes: its caller has given it up."""
        self._cancelled[caller, sequence] = None
        if len(self._cancelled) > _REMEMBERED_CANCELS:
            self._cancelled.popitem(last=False)

    def _park(self, work: Work, leave: Callable[[], None] | None = None) -> None:
        loop = asyncio.get_running_loop()
        key, now = work.delivery.key, loop.time()
        limit = work.delivery.source.serving.settings.wait_until_limit
        parked = Parked(work, now, max(self._clock.monotonic(work.call.deadline), now + limit))
        self._claims.park(key, parked)
        parked.task = loop.create_task(self._consider(work, leave))
        parked.task.add_done_callback(lambda done: self._considered(work, done))

    def _considered(self, work: Work, done: asyncio.Task[None]) -> None:
        self._claims.unpark(work.delivery.key)
        if not done.cancelled() and (error := done.exception()) is not None:
            _log.error(
                "the call %s was left pending: %s", work.call.id, error, exc_info=not isinstance(error, RpcError)
            )

    async def _consider(self, work: Work, leave: Callable[[], None] | None) -> None:
        try:
            admission = await self._find_out(work, leave)
            if admission is not None:
                # From here on the call counts as running, not as waiting; its end gives the lane free.
                method, admitted = admission
                leave = None
                self._claims.unpark(work.delivery.key)
                self._begin(work, method, asyncio.get_running_loop().time(), admitted)
        finally:
            if leave is not None:
                leave()

    async def _find_out(self, work: Work, leave: Callable[[], None] | None) -> tuple[Method, Admitted] | None:
        """Whether *work* is to run, and how; if not, it was ended."""
        delivery, call = work.delivery, work.call
        # An earlier delivery that had replied runs again for the sake of its background tasks alone.
        replied = delivery.delivery_count > 1 and bool(await self._link.send("EXISTS", work.tail_key))
        if not (replied or work.oneway or await self._callers.alive(work.channel)):
            self._endings.answer(work, refused(caller_gone(call.id)))
            return None
        try:
            method = find_method(delivery.source, call.program[0])
        except (RpcError, ConfigurationError) as error:
            await self._pass_on(work, error)
            return None
        if await self._over(work, method, replied=replied):
            return None
        if leave is not None and delivery.delivery_count > 1:
            await asyncio.sleep(method.policy.pause(delivery.delivery_count))
            if delivery.delivery_count <= retries_of(work, method):
                asyncio.get_running_loop().call_later(PROVEN_SECONDS, leave)
        ticket = None
        if "key" in call.options:
            ticket = await self._acquire(work, method)
            if ticket is None:
                return None
        return method, Admitted(replied, ticket, leave)

    async def _over(self, work: Work, method: Method, *, replied: bool) -> bool:
        """Whether *work* is not to run again; then it was ended."""
        options = work.call.options
        # Accepted once, forgotten by a crashing Redis and sent again: it may have run.
        again = bool(options.get("again"))
        live = "live" in options and (again or work.delivery.delivery_count > 1)
        if live:
            # Its caller's objects may be half used, and what the lost worker had of them is gone.
            self._endings.answer(work, refused(lost_live(method.name)))
            return True
        if (again and retries_of(work, method) == 0) or self._decide(work, method, replied=replied) is Decision.ABANDON:
            await self._endings.abandon(work)
            return True
        return False

    async def _acquire(self, work: Work, method: Method) -> Ticket | None:
        """The right to run under the idempotency key of *work*; None where its outcome was there already."""
        self._claims.step_aside(work.delivery.key)
        found = await acquire(self._link, work, method.name, self._clock.monotonic(work.call.deadline))
        if isinstance(found, Ticket):
            return found
        self._endings.answer(work, found)
        return None

    async def _pass_on(self, work: Work, error: RpcError | ConfigurationError) -> None:
        """Give a call that this worker does not know to one that does; where there is none, refuse it."""
        if not isinstance(error, ReservedMethod) and await self._elsewhere.offered(work):
            await self._endings.bounce(work)
        else:
            self._endings.answer(work, refused(error))

    def _begin(self, work: Work, method: Method, now: float, admitted: Admitted | None = None) -> None:
        call = work.call
        if self._cancelled and (call.caller, call.sequence) in self._cancelled:
            del self._cancelled[call.caller, call.sequence]
            refusal: RpcError = caller_gone(method.name)
        elif (admitted is not None and admitted.replied) or in_time(call.deadline, self._clock.at(now)):
            self._execution.start(work, method, now, admitted)
            return
        else:
            refusal = CallTimeout(f"{method.name} was not started in time.", executed="no")
        self._endings.answer(work, refused(refusal), ticket=admitted.ticket if admitted else None)
        if admitted is not None and admitted.leave is not None:
            admitted.leave()

    def _decide(self, work: Work, method: Method, *, replied: bool) -> Decision:
        return decide(
            delivery_count=work.delivery.delivery_count,
            retries=retries_of(work, method),
            deadline=work.call.deadline,
            now=self._clock.at(asyncio.get_running_loop().time()),
            replied=replied,
        )


def retries_of(work: Work, method: Method) -> int:
    """Deliveries after the first that *work* may cost: what the caller, the method or the settings say.

    Of a program that calls several methods of the entrypoint, the most careful one decides.
    """
    asked: Any = work.call.options.get("retries")
    if isinstance(asked, int) and asked >= 0:
        return asked
    source = work.delivery.source
    methods = [method, *_further_methods(source, work.call.program[1:])]
    default = source.serving.settings.retries
    return min(default if each.policy.retries is None else each.policy.retries for each in methods)


def _further_methods(source: Source, steps: Sequence[Step]) -> Iterator[Method]:
    for step in steps:
        if step.receiver == 0:
            with suppress(RpcError, ConfigurationError):
                yield find_method(source, step)

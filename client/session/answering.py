"""Running what the other side of a session calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from broker.envelope import RETURNED, Outcome, Step
from broker.errors import CallCancelled, CallTimeout, RpcError
from broker.outcomes import OF_PROGRAMS, raised, refused, together
from broker.session import Asked, Cancelled
from client.calling.deadline import enclosing_deadline
from client.session.exported import Exported
from client.session.programs import ProgramRun, Raised, describe_each
from client.session.receivers import apply
from client.session.receiving import Receiving
from client.session.sending import Sending

if TYPE_CHECKING:
    from client.session.live import LiveSession


class Answering:
    """The calls of the other side that run here, each as a task of its own, begun in the order in which they came."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def begin(self, asked: Asked) -> None:
        """Run a call; its outcome goes back by itself.

        What it needs is held at once: what came with it may let that go, or end the call before its first step.
        """
        loop = asyncio.get_running_loop()
        exported: Exported = asked.target
        exported.hold()
        run = self._run(asked, exported)
        task = loop.create_task(self._answer(asked, run), context=self._session.context.copy())
        self._tasks[asked.number] = task

        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[asked.number]
            run.dispose()
            exported.let_go()

        task.add_done_callback(ended)

    def cancel(self, event: Cancelled) -> None:
        """End a call: nobody waits for it."""
        task = self._tasks.get(event.number)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> list[asyncio.Task[None]]:
        """End all calls; their tasks."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    def _run(self, asked: Asked, exported: Exported) -> ProgramRun:
        session = self._session

        async def enter(step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
            return await apply(exported.target, step.kind, step.path, args, kwargs, exported.runner)

        def receiving() -> Receiving:
            return Receiving(session.caller, session, promises=True)

        return ProgramRun(asked.program, enter, receiving, exported.runner, session.limit)

    async def _answer(self, asked: Asked, run: ProgramRun) -> None:
        session = self._session
        due = session.caller.clock.monotonic(asked.deadline)
        enclosing_deadline.set(due)
        try:
            async with asyncio.timeout_at(due):
                outcome = await self._outcome(asked, run)
        except TimeoutError:
            outcome = refused(CallTimeout("The call was cancelled at its deadline.", executed="yes"))
        except asyncio.CancelledError:
            session.answer(asked.number, refused(CallCancelled("The call was cancelled.", executed="maybe")))
            raise
        session.answer(asked.number, outcome)

    async def _outcome(self, asked: Asked, run: ProgramRun) -> Outcome:
        try:
            values = await run.run(asked.want)
            rows = describe_each(values, asked.want, self._session.limit, self._described)
        except Exception as error:
            return raised(error, ours=OF_PROGRAMS)
        finally:
            run.dispose()
        return rows[0][1] if len(rows) == 1 else together(None, rows)

    def _described(self, value: Any, room: int) -> Outcome:
        if isinstance(value, Raised):
            return raised(value.error, ours=OF_PROGRAMS)
        session = self._session
        sending = Sending(session.caller, session.service, session, transfer=True)
        try:
            body = sending.encode(value, limit=max(0, room - 128))
        except RpcError as error:
            return refused(error)
        sending.left()
        return Outcome(RETURNED, body)

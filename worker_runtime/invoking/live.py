"""Calls that pass references, and programs of several steps: the longer way from a call to its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, cast

from broker.envelope import RETURNED, Outcome, Step
from broker.errors import RpcError
from broker.outcomes import OF_PROGRAMS, refused, together
from client.session.live import LiveSession
from client.session.programs import Enter, ProgramRun, Raised, describe_each
from client.session.receiving import Receiving
from client.session.sending import Sending
from worker_runtime.context import ABORTED
from worker_runtime.invoking.invocation import Invocation
from worker_runtime.invoking.steps import checked, find_method, run_method

_CONTEXT_GONE = "The execution context which hosts this callback is no longer running."


async def run_program(invocation: Invocation, threads: Executor) -> Outcome:
    """Run all steps of the call of *invocation*; how those ended whose outcomes are wanted. Never raises."""
    call, source = invocation.work.call, invocation.work.delivery.source
    want = _wanted(call.options.get("want"), len(call.program))
    run = ProgramRun(
        call.program, _on_entrypoint(invocation, threads), _receiving(invocation), source.serving.runner, source.limit
    )
    try:
        values = await run.run(want)
        if invocation.ctx.aborted is not None:
            raise invocation.ctx.aborted
        rows = describe_each(values, want, source.limit, lambda value, room: _described(invocation, value, room))
    except BaseException as error:
        return _whole(invocation, invocation.failed(error, ours=OF_PROGRAMS))
    finally:
        run.dispose()
    return _whole(invocation, rows[0][1]) if len(rows) == 1 else together(_inbox(invocation), rows)


def returned(invocation: Invocation, value: Any) -> Outcome:
    """The outcome of a call that returned *value*, which is not plain."""
    return _whole(invocation, _returned(invocation, value, invocation.work.delivery.source.limit))


def open_session(invocation: Invocation) -> LiveSession:
    """The session of the call of *invocation*; calls of its caller run inside the call's context.

    Raises:
        Overloaded: there are too many.
    """
    if invocation.session is None:
        work, serving = invocation.work, invocation.work.delivery.source.serving
        call = work.call
        invocation.session = serving.caller.sessions.serve(
            call.caller, call.sequence, serving.keys.service, work.channel, serving.runner
        )
    return invocation.session


def keep_open(invocation: Invocation) -> None:
    """Leave the call's context open until its session is over, now that the call was answered."""
    session, ctx = invocation.session, invocation.ctx
    assert session is not None
    forget = session.ended
    limit = invocation.work.delivery.source.serving.settings.wait_until_limit

    def ended() -> None:
        forget()
        closing = asyncio.get_running_loop().create_task(_close(invocation, limit))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)

    session.ended = ended
    ctx.on_abort = lambda: session.break_off(ABORTED if ctx.aborted is None else f"{_CONTEXT_GONE} {ctx.aborted}")
    session.release_hold()


_closing: set[asyncio.Task[None]] = set()


async def _close(invocation: Invocation, limit: float) -> None:
    await invocation.ctx.drain(0 if invocation.ctx.aborted else limit)


def _on_entrypoint(invocation: Invocation, threads: Executor) -> Enter:
    """Runs the steps of a program that begin at the entrypoint."""
    source = invocation.work.delivery.source

    async def enter(step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        method = find_method(source, step)
        given, named = checked(method, list(args), dict(kwargs))
        return await run_method(invocation, method, step, given, named, threads)

    return enter


def _receiving(invocation: Invocation) -> Callable[[], Receiving]:
    """Makes what reads the arguments of a step; the first reference in them opens the session."""

    def introduced() -> LiveSession:
        session = open_session(invocation)
        session.introduce()
        return session

    caller = invocation.work.delivery.source.serving.caller
    return lambda: Receiving(caller, invocation.session, promises=True, create=introduced)


def _described(invocation: Invocation, value: Any, room: int) -> Outcome:
    if isinstance(value, Raised):
        return invocation.failed(value.error, ours=OF_PROGRAMS)
    return _returned(invocation, value, room)


def _returned(invocation: Invocation, value: Any, room: int) -> Outcome:
    source = invocation.work.delivery.source
    sending = Sending(
        source.serving.caller, source.keys.service, invocation.session, transfer=True,
        create=lambda: open_session(invocation),
    )  # fmt: skip
    sending.plain_only = _plain_only(invocation)
    try:
        body = sending.encode(value, limit=max(0, room - 128))
    except RpcError as error:
        where = f"the result of {invocation.method.name}()"
        return refused(type(error)(f"{error.message} This is {where}.", executed="yes"))
    sending.left()
    return Outcome(RETURNED, body)


def _plain_only(invocation: Invocation) -> str | None:
    """Why the result cannot refer to live objects, where it cannot."""
    options = invocation.work.call.options
    if invocation.work.oneway:
        return "no caller that waits for it"
    if "keep" in options:
        return "a kept result"
    return "an idempotency key" if invocation.ticket is not None else None


def _whole(invocation: Invocation, outcome: Outcome) -> Outcome:
    """*outcome* as that of the whole call: it says where the session is, if there is one."""
    if invocation.session is None:
        return outcome
    return together(_inbox(invocation), [(len(invocation.work.call.program) - 1, outcome)])


def _inbox(invocation: Invocation) -> str | None:
    return None if invocation.session is None else invocation.work.delivery.source.serving.caller.id


def _wanted(asked: Any, steps: int) -> list[int]:
    """The steps, counted from 0, whose outcomes the caller wants."""
    wanted = cast("list[Any]", asked) if isinstance(asked, list) else []
    known = wanted and all(type(step) is int and 0 <= step < steps for step in wanted)
    return sorted(set(wanted)) if known else [steps - 1]

"""Calls that pass references, and programs of several steps: the longer way from a call to its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, cast

from broker.envelope import RETURNED, Outcome, Step
from broker.errors import Overloaded, PayloadTooLarge, ProtocolError, RpcError
from client.session.live import LiveSession
from client.session.outcomes import together
from client.session.programs import ProgramRun, Raised
from client.session.receivers import apply
from client.session.receiving import Receiving
from client.session.sending import Sending
from worker_runtime.context import ABORTED
from worker_runtime.invocation import Invocation, checked, enter, find_method, raised, refused, wrong_response

_CONTEXT_GONE = "The execution context which hosts this callback is no longer running."


async def run_program(invocation: Invocation, threads: Executor) -> Outcome:
    """Run all steps of the call of *invocation*; how those ended whose outcomes are wanted. Never raises."""
    work, source = invocation.work, invocation.work.delivery.source
    program = work.call.program
    want = _wanted(work.call.options.get("want"), len(program))

    async def on_entrypoint(step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        method = find_method(source, step)
        given, named = checked(method, list(args), dict(kwargs))
        value = await enter(invocation, method, step, given, named, threads)
        wrong = wrong_response(method, value)
        if wrong is not None:
            raise wrong
        return value

    def introduced() -> LiveSession:
        session = open_session(invocation)
        session.introduce()
        return session

    def receiving() -> Receiving:
        return Receiving(source.serving.caller, invocation.session, promises=True, create=introduced)

    run = ProgramRun(program, on_entrypoint, receiving, source.serving.runner, source.limit)
    try:
        values = await run.run(want)
        if invocation.ctx.aborted is not None:
            raise invocation.ctx.aborted
        room = source.limit
        rows: list[tuple[int, Outcome]] = []
        for step in want:
            rows.append((step, _outcome(invocation, values[step], room)))
            room -= len(rows[-1][1].body)
    except BaseException as error:
        return _whole(invocation, _failed(invocation, error))
    finally:
        run.dispose()
    return _whole(invocation, rows[0][1]) if len(rows) == 1 else together(_inbox(invocation), rows)


def returned(invocation: Invocation, value: Any) -> Outcome:
    """The outcome of a call that returned *value*, which is not plain."""
    return _whole(invocation, _returned(invocation, value, invocation.work.delivery.source.limit))


async def descend(
    invocation: Invocation, value: Any, step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Follow the rest of the path of *step* into the value of a property.

    Raises:
        MethodNotFound: it leads nowhere.
        Exception: what is called there raised.
    """
    runner = invocation.work.delivery.source.serving.runner
    return await apply(value, step.kind, step.path[1:], args, kwargs, runner)


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


def _outcome(invocation: Invocation, value: Any, room: int) -> Outcome:
    return _failed(invocation, value.error) if isinstance(value, Raised) else _returned(invocation, value, room)


def _failed(invocation: Invocation, error: BaseException) -> Outcome:
    if isinstance(error, _OURS) and not error.remote and invocation.ctx.aborted is None:
        return refused(error)
    return raised(invocation, error)


_OURS = (Overloaded, PayloadTooLarge, ProtocolError)
"""What is wrong with a program or with its references."""


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

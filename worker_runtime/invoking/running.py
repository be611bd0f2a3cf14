"""One run of a call, from its first step to its outcome. Whatever the method raises is an outcome too."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any, Final

from broker.codec import encode_plain
from broker.envelope import RETURNED, Outcome
from broker.errors import RpcError
from broker.outcomes import refused, undescribable
from client.calling.deadline import enclosing_deadline
from worker_runtime.context import current
from worker_runtime.invoking.invocation import Invocation
from worker_runtime.invoking.steps import read_arguments, run_method

_HEAD: Final = 64
"""Bytes that a reply has besides its body, at most."""


async def run(invocation: Invocation, threads: Executor) -> Outcome:
    """Run the method of *invocation* and return how it ended. Never raises.

    If cancelled through `Invocation.cancel`, its reason is the outcome.
    """
    call, source, method = invocation.work.call, invocation.work.delivery.source, invocation.method
    current.set(invocation)
    enclosing_deadline.set(invocation.expires)
    step = call.program[0]
    if len(call.program) > 1 or (call.options and "live" in call.options):
        from worker_runtime.invoking.live import run_program

        return await run_program(invocation, threads)
    try:
        args, kwargs = read_arguments(method, step, source)
    except RpcError as error:
        return refused(error)
    try:
        value = await run_method(invocation, method, step, args, kwargs, threads)
        if invocation.ctx.aborted is not None:
            raise invocation.ctx.aborted
    except BaseException as error:
        return invocation.failed(error)
    try:
        return _returned(invocation, value)
    except BaseException:  # results have code of their own, which may do anything
        return undescribable()


def _returned(invocation: Invocation, value: Any) -> Outcome:
    body = encode_plain(value, limit=invocation.work.delivery.source.limit - _HEAD)
    if body is not None:
        return Outcome(RETURNED, body)
    from worker_runtime.invoking.live import returned

    return returned(invocation, value)

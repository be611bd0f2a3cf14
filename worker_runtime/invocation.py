"""One run of a method, from the delivered call to its outcome: a line of small steps.

Nothing here talks to Redis. Each step either gives the next one what it needs or ends the line
with a refusal; whatever the method raises is an outcome too.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Final, NamedTuple, cast

from broker import failures
from broker.codec import decode, encode
from broker.envelope import CALL, FETCH, GET, RAISED, REFUSED, RETURNED, Step
from broker.errors import CallCancelled, CallTimeout, DataCloneError, ProtocolError, RpcError
from broker.http import Response
from broker.methods.method import Method
from broker.methods.visibility import not_a_value, not_callable, not_found
from client.stub import enclosing_deadline
from worker_runtime.context import Context, current
from worker_runtime.delivery import Source, Work


class Outcome(NamedTuple):
    """How a call ended: the kind and body of its reply."""

    kind: int
    body: bytes


class Invocation:
    """A call that runs here: what its code sees, and what the runtime needs to end it."""

    __slots__ = (
        "cancelled_because", "claimed", "ctx", "env", "expires", "held_until", "interrupted", "key", "leave", "lost",
        "method", "replied", "settling", "started", "task", "ticket", "work",
    )  # fmt: skip

    def __init__(self, work: Work, method: Method, ctx: Context, env: Any, claimed: float, expires: float) -> None:
        self.work = work
        self.key: Final = work.delivery.key
        """The fence of its delivery."""
        self.method = method
        self.ctx = ctx
        self.env = env
        self.expires = expires
        """Seconds of the event loop's clock at which the method is cancelled."""
        self.claimed = claimed
        """When Redis last heard that the call is still worked on; seconds of the event loop's clock."""
        self.held_until = expires
        """Until when the lease of its entry is renewed; seconds of the event loop's clock."""
        self.ticket: Any = None
        """Its right to run under an idempotency key, if it has one."""
        self.leave: Callable[[], None] | None = None
        """Called at its end, if it kept others waiting."""
        self.task: asyncio.Task[None] | None = None
        self.started = False
        """Whether its task has had its first step."""
        self.interrupted = False
        """Whether it was to end before that."""
        self.cancelled_because: RpcError | None = None
        self.lost = False
        """Whether another worker has the call now."""
        self.replied = False
        """Whether the method has ended; only its `waitUntil` tasks may still run."""
        self.settling = False
        """Whether the acknowledgement is on its way: a lease that ends now ended well."""

    def cancel(self, because: RpcError) -> None:
        """End the method; its caller, if it still listens, gets *because*."""
        if self.cancelled_because is None and self.task is not None and not self.replied:
            self.cancelled_because = because
            self.ctx.mark_cancelled()
            self.interrupt()

    def interrupt(self) -> None:
        """Cancel the method, unless it has ended already."""
        if not self.replied:
            self.stop()

    def stop(self) -> None:
        """Cancel the task; before its first step, which sees to its own end, that only leaves a note."""
        if self.started and self.task is not None:
            self.task.cancel()
        self.interrupted = True


def find_method(source: Source, program: tuple[Step, ...]) -> Method:
    """The prepared method that the program of a call names.

    Raises:
        RpcError: there is none that callers may reach, or the program is of a kind to come.
    """
    step = program[0]
    if len(program) != 1 or step.receiver != 0 or not step.path:
        raise ProtocolError("This worker runs programs of one step only.", executed="no")
    kind, path, name = step.kind, step.path, step.path[0]
    if kind == CALL and len(path) == 1 and (known := source.methods.get(name)) is not None and known.kind == "method":
        return known
    service = source.serving.service
    if kind == FETCH:
        return service.fetch(source.entrypoint)
    if kind not in (CALL, GET):
        raise ProtocolError(f"This worker knows no step of kind {kind}.", executed="no")
    method = service.method(source.entrypoint, name)
    if method.kind == "method" and len(path) > 1:
        raise not_found(path[1])
    if method.kind == "method" and kind == GET:
        raise not_a_value(name)
    return method


def read_arguments(method: Method, step: Step, limit: int) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of *step*, validated and converted for *method*.

    Raises:
        RpcError: they cannot be read, or do not fit.
    """
    if step.kind == GET:
        return (), {}
    body: Any = decode(step.body, limit=limit)
    if type(body) is not list or len(cast("list[Any]", body)) != 2:
        raise ProtocolError("The arguments of the call have the wrong shape.", executed="no")
    args, kwargs = cast("list[Any]", body)
    if type(args) is not list or type(kwargs) is not dict:
        raise ProtocolError("The arguments of the call have the wrong shape.", executed="no")
    given = cast("list[Any]", args), cast("dict[str, Any]", kwargs)
    # The arguments of a function in a property belong to that function, which checks them itself.
    return given if method.kind == "property" else method.validate(*given)


async def run(invocation: Invocation, threads: Executor) -> Outcome:
    """Run the method of *invocation* and return how it ended. Never raises.

    If cancelled through `Invocation.cancel`, its reason is the outcome.
    """
    method, source = invocation.method, invocation.work.delivery.source
    step = invocation.work.call.program[0]
    try:
        args, kwargs = read_arguments(method, step, source.limit)
    except RpcError as error:
        return refused(error)
    current.set(invocation)
    enclosing_deadline.set(invocation.expires)
    try:
        function = method.bind(source.cls(invocation.ctx, invocation.env))
        if method.kind != "property" and method.is_async:
            value = await function(*args, **kwargs)
        else:
            value = await _run_plain(invocation, threads, function, args, kwargs)
        if len(step.path) > 1:
            value = await _descend(value, step, args, kwargs)
        if invocation.ctx.aborted is not None:
            raise invocation.ctx.aborted
    except BaseException as error:
        return _described(_raised, invocation, error, source.serving.settings.traceback)
    return _described(_returned, invocation, value, source.limit)


def _described(describe: Callable[..., Outcome], *ended: Any) -> Outcome:
    """The outcome, even where the user's classes have code of their own that fails when it is looked at."""
    try:
        return describe(*ended)
    except BaseException:
        error = RuntimeError("The method ended with something that cannot be described.")
        return Outcome(RAISED, encode(failures.dump(error)))


def refused(error: RpcError) -> Outcome:
    """The outcome of a call that the runtime itself refused."""
    return Outcome(REFUSED, encode(failures.dump_refusal(error)))


async def _run_plain(
    invocation: Invocation,
    threads: Executor,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Run what is no `async def`: in a thread, unless it asked to be run on the event loop."""
    method = invocation.method
    if method.kind == "property":
        args, kwargs = (), {}
    if method.is_async:
        return await function(*args, **kwargs)
    inline = method.policy.inline
    if invocation.work.delivery.source.serving.settings.inline if inline is None else inline:
        value = function(*args, **kwargs)
    else:
        value = await _in_thread(invocation.ctx, threads, function, args, kwargs)
    return await value if inspect.isawaitable(value) else value


async def _in_thread(
    ctx: Context, threads: Executor, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    loop = asyncio.get_running_loop()
    context = contextvars.copy_context()
    running = loop.run_in_executor(threads, lambda: context.run(_contained, function, args, kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not running.done():
            # A thread cannot be stopped; the call stays open until it has ended by itself.
            ctx.wait_until(running)
        raise


def _contained(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except (StopIteration, GeneratorExit, SystemExit, KeyboardInterrupt) as error:
        # A future must not carry these: they would end whatever awaits it, not be raised there.
        raise _Steering(error) from error


class _Steering(Exception):
    """Carries an exception that must not cross a future."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.error = error


async def _descend(value: Any, step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Follow the rest of the path into the value of a property: plain dicts only, by their own keys."""
    for name in step.path[1:]:
        if type(value) is not dict or name not in value:
            raise not_found(name)
        value = cast("dict[str, Any]", value)[name]
    if step.kind == CALL:
        if not callable(value):
            raise not_callable(".".join(step.path))
        value = value(*args, **kwargs)
    return await value if inspect.isawaitable(value) else value


def _returned(invocation: Invocation, value: Any, limit: int) -> Outcome:
    if invocation.method.kind == "fetch" and not isinstance(value, Response):
        error = TypeError(f"fetch() must return a Response, not {type(value).__name__}.")
        return Outcome(RAISED, encode(failures.dump(error)))
    try:
        return Outcome(RETURNED, encode(value, limit=limit - 64))
    except RpcError as error:
        where = f"the result of {invocation.method.name}()"
        return refused(type(error)(f"{error.message} This is {where}.", executed="yes"))


def _raised(invocation: Invocation, error: BaseException, traceback: bool) -> Outcome:  # noqa: FBT001 -- passed on by position
    if invocation.ctx.aborted is not None:
        error = invocation.ctx.aborted
    elif isinstance(error, asyncio.CancelledError) and invocation.cancelled_because is not None:
        return refused(invocation.cancelled_because)
    elif isinstance(error, _Steering):
        error = error.error
    elif isinstance(error, RpcError) and not error.remote and type(error) in _OURS:
        # Raised by the lookup inside a property: that is the runtime speaking, not the method.
        return refused(error)
    return Outcome(RAISED, encode(failures.dump(error, traceback=traceback)))


_OURS = (type(not_found("")), DataCloneError)


def timed_out(name: str) -> CallTimeout:
    """The refusal of a method that ran into its deadline."""
    return CallTimeout(f"{name} was cancelled at its deadline.", executed="yes")


def caller_gone(name: str) -> CallCancelled:
    """The refusal of a call that its caller gave up."""
    return CallCancelled(f"{name} was cancelled by its caller.", executed="maybe")

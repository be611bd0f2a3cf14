"""One run of a method, from the delivered call to its outcome: a line of small steps.

Nothing here talks to Redis. Each step either gives the next one what it needs or ends the line
with a refusal; whatever the method raises is an outcome too.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from broker import failures
from broker.codec import decode, encode, encode_plain
from broker.envelope import CALL, FETCH, GET, RAISED, REFUSED, RETURNED, Outcome, Step
from broker.errors import (
    CallAbandoned,
    CallCancelled,
    CallTimeout,
    DataCloneError,
    InvalidArguments,
    MethodNotFound,
    ProtocolError,
    ReservedMethod,
    RpcError,
    StubDisposed,
)
from broker.http import Response
from broker.methods.method import Method
from broker.methods.visibility import not_a_value, not_callable, not_found
from client.call import Call
from client.deadline import enclosing_deadline
from client.member import Member
from client.threads import Steering, start_in_thread
from worker_runtime.context import Context, current
from worker_runtime.delivery import Source, Work
from worker_runtime.raised_at import raised_at

if TYPE_CHECKING:
    from client.session.live import LiveSession


_ARRAY: Final[Any] = list
_MAP: Final[Any] = dict
# Of any type to the type checker: see `broker.envelope`.


class Invocation:
    """A call that runs here: what its code sees, and what the runtime needs to end it."""

    __slots__ = (
        "begun", "cancelled_because", "claimed", "ctx", "env", "expires", "held_until", "interrupted", "key", "leave",
        "lost", "method", "raised_at", "replied", "session", "settling", "started", "task", "ticket", "work",
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
        self.begun: Final = claimed
        """When it began; seconds of the event loop's clock."""
        self.claimed = claimed
        """When Redis last heard that the call is still worked on; seconds of the event loop's clock."""
        self.held_until = expires
        """Until when the lease of its entry is renewed; seconds of the event loop's clock."""
        self.ticket: Any = None
        """Its right to run under an idempotency key, if it has one."""
        self.session: LiveSession | None = None
        """What its caller holds of this process, or this process of its caller."""
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
        self.raised_at = ""
        """Where in the service's code the method raised, if it did and that is known."""
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


def find_method(source: Source, step: Step) -> Method:
    """The prepared method that a step on an entrypoint names.

    Raises:
        RpcError: there is none that callers may reach.
    """
    kind, path = step.kind, step.path
    name = path[0] if path else ""
    if kind == CALL and len(path) == 1 and (known := source.methods.get(name)) is not None and known.kind == "method":
        return known
    service = source.serving.service
    if kind == FETCH:
        return service.fetch(source.entrypoint)
    if not path:
        raise not_callable(source.entrypoint)
    if kind not in (CALL, GET):
        raise ProtocolError(f"This worker knows no step of kind {kind} on an entrypoint.", executed="no")
    method = service.method(source.entrypoint, name)
    if method.kind == "method" and len(path) > 1:
        raise not_found(path[1])
    if method.kind == "method" and kind == GET:
        raise not_a_value(name)
    return method


def read_arguments(method: Method, step: Step, source: Source) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of *step*, validated and converted for *method*.

    Raises:
        RpcError: they cannot be read, or do not fit.
    """
    if step.kind == GET:
        return (), {}
    body: Any = decode(step.body, limit=source.limit, references=source.serving.caller.bindings)
    if type(body) is _ARRAY and len(body) == 2:
        args, kwargs = body
        if type(args) is _ARRAY and type(kwargs) is _MAP:
            return checked(method, args, kwargs)
    raise ProtocolError("The arguments of the call have the wrong shape.", executed="no")


def checked(method: Method, args: list[Any], kwargs: dict[str, Any]) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments, validated and converted for *method*.

    Raises:
        InvalidArguments: they do not fit.
    """
    # The arguments of a function in a property belong to that function, which checks them itself.
    return (args, kwargs) if method.kind == "property" else method.validate(args, kwargs)


async def run(invocation: Invocation, threads: Executor) -> Outcome:
    """Run the method of *invocation* and return how it ended. Never raises.

    If cancelled through `Invocation.cancel`, its reason is the outcome.
    """
    call, source = invocation.work.call, invocation.work.delivery.source
    current.set(invocation)
    enclosing_deadline.set(invocation.expires)
    step = call.program[0]
    if len(call.program) > 1 or (call.options and "live" in call.options):
        from worker_runtime.live import run_program

        return await run_program(invocation, threads)
    try:
        args, kwargs = read_arguments(invocation.method, step, source)
    except RpcError as error:
        return refused(error)
    try:
        value = await enter(invocation, invocation.method, step, args, kwargs, threads)
        if invocation.ctx.aborted is not None:
            raise invocation.ctx.aborted
    except BaseException as error:
        return raised(invocation, error)
    return _described(_returned, invocation, invocation.method, value)


async def enter(
    invocation: Invocation,
    method: Method,
    step: Step,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    threads: Executor,
) -> Any:
    """Run *method* on a new instance of its entrypoint.

    Raises: what the method raises.
    """
    function = method.bind(invocation.work.delivery.source.cls(invocation.ctx, invocation.env))
    if method.kind != "property" and method.is_async:
        value = await function(*args, **kwargs)
    else:
        value = await _run_plain(invocation, method, threads, function, args, kwargs)
    if len(step.path) > 1:
        from worker_runtime.live import descend

        value = await descend(invocation, value, step, args, kwargs)
    value = await value if isinstance(value, Call | Member) else value
    return value if method.check_result is None or len(step.path) > 1 else method.check_result(value)


def raised(invocation: Invocation, error: BaseException) -> Outcome:
    """The outcome of a method that ended with *error*."""
    return _described(_raised, invocation, error, invocation.work.delivery.source.serving.settings.traceback)


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
    method: Method,
    threads: Executor,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> Any:
    """Run what is no `async def`: in a thread, unless it asked to be run on the event loop."""
    if method.is_async_generator:
        return function(*args, **kwargs)
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
    running = start_in_thread(threads, function, args, kwargs)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not running.done():
            # A thread cannot be stopped; the call stays open until it has ended by itself.
            ctx.wait_until(running)
        raise


def _returned(invocation: Invocation, method: Method, value: Any) -> Outcome:
    wrong = wrong_response(method, value)
    if wrong is not None:
        return Outcome(RAISED, encode(failures.dump(wrong)))
    limit = invocation.work.delivery.source.limit - 64
    body = encode_plain(value, limit=limit)
    if body is not None:
        return Outcome(RETURNED, body)
    from worker_runtime.live import returned

    return returned(invocation, value)


def wrong_response(method: Method, value: Any) -> TypeError | None:
    """What is wrong with the result of a `fetch` handler that returned no response."""
    if method.kind == "fetch" and not isinstance(value, Response):
        return TypeError(f"fetch() must return a Response, not {type(value).__name__}.")
    return None


def _raised(invocation: Invocation, error: BaseException, traceback: bool) -> Outcome:  # noqa: FBT001 -- passed on by position
    if invocation.ctx.aborted is not None:
        error = invocation.ctx.aborted
    elif isinstance(error, asyncio.CancelledError) and invocation.cancelled_because is not None:
        return refused(invocation.cancelled_because)
    elif _out_of_time(invocation, error):
        return refused(timed_out(invocation.method.name))
    elif isinstance(error, Steering):
        error = error.error
    elif isinstance(error, RpcError) and not error.remote and type(error) in _OURS:
        # Raised by the lookup inside a property: that is the runtime speaking, not the method.
        return refused(error)
    invocation.raised_at = raised_at(error, invocation.work.delivery.source.cls)
    return Outcome(RAISED, encode(failures.dump(error, traceback=traceback)))


def _out_of_time(invocation: Invocation, error: BaseException) -> bool:
    """Whether *error* is that of a nested call that had what was left of this call's time, and used it up."""
    nested = isinstance(error, CallTimeout) and not error.remote
    return nested and asyncio.get_running_loop().time() >= invocation.expires


_OURS = (MethodNotFound, ReservedMethod, DataCloneError, InvalidArguments, StubDisposed)


def timed_out(name: str) -> CallTimeout:
    """The refusal of a method that ran into its deadline."""
    return CallTimeout(f"{name} was cancelled at its deadline.", executed="yes")


def caller_gone(name: str) -> CallCancelled:
    """The refusal of a call that its caller gave up."""
    return CallCancelled(f"{name} was cancelled by its caller.", executed="maybe")


def lost_live(name: str) -> CallAbandoned:
    """The refusal of a call that carries live references and lost its worker."""
    return CallAbandoned(
        f"{name} lost its worker. It carries references to live objects, and such a call is never run twice.",
        executed="maybe",
    )

"""One step on an entrypoint: finding the method that it names, reading its arguments, running it.

Nothing here talks to Redis. Each part either gives the next one what it needs or raises.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Final

from broker.codec import decode
from broker.envelope import CALL, FETCH, GET, Step
from broker.errors import ProtocolError
from broker.http import Response
from broker.methods.method import Method
from broker.methods.visibility import not_a_value, not_callable, not_found
from client.calling.call import Call
from client.calling.member import Member
from worker_runtime.groups.delivery import Source
from worker_runtime.invoking.invocation import Invocation
from worker_runtime.invoking.plain import run_plain

_ARRAY: Final[Any] = list
_MAP: Final[Any] = dict
# Of any type to the type checker: see `broker.envelope`.

_NONE: Final[Mapping[str, Any]] = {}


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


async def run_method(
    invocation: Invocation,
    method: Method,
    step: Step,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    threads: Executor,
) -> Any:
    """Run *method* on a new instance of its entrypoint, and follow the rest of the path into a property.

    Raises: what the method raises, and `TypeError` where the result is not what it promises.
    """
    function = method.bind(invocation.work.delivery.source.cls(invocation.ctx, invocation.env))
    # The arguments of a function in a property belong to that function.
    given, named = ((), _NONE) if method.kind == "property" else (args, kwargs)
    if method.is_async:
        value = await function(*given, **named)
    elif method.is_async_generator:
        value = function(*given, **named)
    else:
        value = await run_plain(invocation.ctx, threads, function, given, named, inline=_inline(invocation, method))
    if len(step.path) > 1:
        value = await _descend(invocation, value, step, args, kwargs)
    value = await value if isinstance(value, Call | Member) else value
    if method.kind == "fetch" and not isinstance(value, Response):
        raise TypeError(f"fetch() must return a Response, not {type(value).__name__}.")
    return value if method.check_result is None or len(step.path) > 1 else method.check_result(value)


def _inline(invocation: Invocation, method: Method) -> bool:
    """Whether *method* runs on the event loop, though it is no `async def`."""
    inline = method.policy.inline
    return invocation.work.delivery.source.serving.settings.inline if inline is None else inline


async def _descend(
    invocation: Invocation, value: Any, step: Step, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Follow the rest of the path of *step* into the value of a property.

    Raises:
        MethodNotFound: it leads nowhere.
        Exception: what is called there raised.
    """
    # What objects need is loaded where a call reaches into one: most never do.
    from client.session.receivers import apply

    runner = invocation.work.delivery.source.serving.runner
    return await apply(value, step.kind, step.path[1:], args, kwargs, runner)

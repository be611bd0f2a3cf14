"""What a path leads to, from a value that callers hold: the lookup rules, for everything but entrypoints.

Plain dicts offer their own keys, dataclasses and models their fields, targets what their class offers, and a stub
whatever stands behind it. Nothing else has members.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, cast

from broker.envelope import CALL, GET, MAP
from broker.errors import DataCloneError, PayloadTooLarge, ProtocolError, ReservedMethod
from broker.methods.checking import Checking
from broker.methods.target import RpcTarget
from broker.methods.visibility import not_a_value, not_callable, not_found
from broker.values import Unsupported, substitute
from client.calling.call import Call
from client.calling.member import DEEPEST_PATH, Member
from client.session.promises import MOST_RECORDED, Promised, fulfilled, promised_in
from client.session.running import Runner, is_function
from client.stubs.stub import Stub

_MALFORMED: Final = "A recorded function is malformed."
MOST_MADE: Final = 1 << 20
"""Values that one recorded function makes, over all items."""
_TURN: Final = 16
"""Items after which others may run."""


async def apply(
    value: Any, kind: int, path: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], runner: Runner
) -> Any:
    """Apply one step to *value*: read, call or map what is at the end of *path*.

    Raises:
        MethodNotFound: there is nothing there, or nothing that can be called.
        ProtocolError: the path is too long.
        Exception: what the method raised.
    """
    if len(path) > DEEPEST_PATH:
        raise ProtocolError(f"The path has more than {DEEPEST_PATH} names.", executed="no")
    for at, name in enumerate(path):
        value = await _arrived(value)
        if isinstance(value, Stub):
            return await _forward(value, kind, path[at:], args, kwargs)
        if isinstance(value, RpcTarget):
            method = _prepare(type(value), name, runner.checking)
            if method.kind == "method":
                _check_end(path, at, kind)
                return await runner.method(value, method, args, kwargs)
            value = await runner.method(value, method, (), {})
        else:
            value = _member(value, name)
    return await _apply_to(await _arrived(value), kind, path, args, kwargs, runner)


async def fulfil(value: Any, value_of: Callable[[int], Awaitable[Any]], runner: Runner) -> Any:
    """*value* with what they lead to in place of the promises in it; *value_of* gives the value of a step.

    Raises: what *value_of* raises, what `apply` does where a path leads nowhere, and `PayloadTooLarge`.
    """
    kept: dict[Promised, Any] = {}
    for promised in promised_in(value):
        kept[promised] = await apply(await value_of(promised.step), GET, promised.path, (), {}, runner)
    return fulfilled(value, kept) if kept else value


async def _apply_to(
    value: Any, kind: int, path: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], runner: Runner
) -> Any:
    """Apply one step to *value* itself, which *path* led to."""
    if kind == MAP:
        return await _map(value, args, runner)
    if kind != CALL:
        return value
    if isinstance(value, Stub):
        return await _forward(value, kind, (), args, kwargs)
    if not is_function(value):
        raise not_callable(".".join(path) or type(value).__name__)
    return await runner.function(value, args, kwargs)


def _check_end(path: Sequence[str], at: int, kind: int) -> None:
    """Check that a method stands at the end of its path, and is called.

    Raises:
        MethodNotFound, DataCloneError: it does not, or is not.
    """
    if at + 1 < len(path):
        raise not_found(path[at + 1])
    if kind != CALL:
        raise not_a_value(path[at])


def _prepare(cls: type, name: str, checking: Checking) -> Any:
    # pydantic comes with it, and most programs export functions only.
    from broker.methods.method import prepare

    return prepare(cls, name, checking)


async def _arrived(value: Any) -> Any:
    return await value if isinstance(value, Call | Member) or inspect.iscoroutine(value) else value


async def _forward(stub: Stub, kind: int, path: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    return await stub.__callyard_start__(kind, tuple(path), tuple(args), dict(kwargs))


def _member(value: Any, name: str) -> Any:
    if name in ("dup", "constructor"):
        raise ReservedMethod(f"'{name}' is a reserved method and cannot be called over RPC.")
    try:
        members = cast("Any", value) if type(value) is dict else substitute(value)
    except Unsupported:
        raise not_found(name) from None
    if not isinstance(members, dict) or name not in members:
        raise not_found(name)
    return cast("dict[str, Any]", members)[name]


async def _map(value: Any, recorded: Sequence[Any], runner: Runner) -> Any:
    if value is None:
        return None
    if isinstance(value, Stub):
        raise DataCloneError("map() works on values, and this result is an object somewhere else.")
    if len(recorded) != 2 or type(recorded[0]) is not list:
        raise ProtocolError(_MALFORMED, executed="no")
    steps, template = recorded
    if len(steps) > MOST_RECORDED:
        raise ProtocolError(_MALFORMED, executed="no")
    if type(value) not in (list, tuple):
        return await _replay(value, steps, template, runner)
    items = cast("Sequence[Any]", value)
    if len(items) * _size([steps, template]) > MOST_MADE:
        raise PayloadTooLarge(f"A recorded function may make {MOST_MADE} values over all items.", executed="no")
    made: list[Any] = []
    for item in items:
        made.append(await _replay(item, steps, template, runner))
        if len(made) % _TURN == 0:
            # Plain values let nobody else run by themselves.
            await asyncio.sleep(0)
    return made


def _size(value: Any) -> int:
    if type(value) is dict:
        return 1 + sum(map(_size, cast("dict[Any, Any]", value).values()))
    return 1 + sum(map(_size, cast("list[Any]", value))) if type(value) in (list, tuple) else 1


async def _replay(item: Any, steps: Sequence[Any], template: Any, runner: Runner) -> Any:
    values: list[Any] = [item]
    for step in steps:
        match step:
            case [int(receiver), 0 | 1 as kind, list(), list(), dict()] if 0 <= receiver < len(values):
                path, *arguments = cast("list[Any]", step)[2:]
                if any(type(name) is not str for name in path):
                    raise ProtocolError(_MALFORMED, executed="no")
                given, named = await _fulfilled(arguments, values, runner)
                values.append(await apply(values[receiver], kind, path, given, named, runner))
            case _:
                raise ProtocolError(_MALFORMED, executed="no")
    return await _fulfilled(template, values, runner)


async def _fulfilled(value: Any, values: Sequence[Any], runner: Runner) -> Any:
    async def value_of(step: int) -> Any:
        if not 0 <= step < len(values):
            raise ProtocolError(_MALFORMED, executed="no")
        return values[step]

    return await fulfil(value, value_of, runner)

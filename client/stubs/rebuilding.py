"""Rebuilding results into the types of `like=`: compiled once for a member, then one call into pydantic for each."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any, Final, NotRequired, Self

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypedDict, get_type_hints, is_typeddict

from broker.errors import InvalidResult
from broker.methods.mismatch import explain_first
from broker.methods.reference_types import MARKERS, is_referred, with_markers
from broker.methods.streamed import each
from client.stubs.object_stub import RpcStub, whole_result
from client.stubs.stub import Stub, live_target
from client.stubs.typed import FunctionRebuilder, typed

_CONFIG: Final = ConfigDict(arbitrary_types_allowed=True)


def compile_rebuilding(service: str, label: str, wanted: Any, own: type | None = None) -> Callable[[Any], Any] | None:
    """What makes a *wanted* of a result, and gives the stubs and streams in it their types; None if it may stay as is.

    *label* is what errors call the member. What is made raises `InvalidResult` where the result does not fit.
    """
    typing_of_stubs = _Typing(service, label)
    if own is not None and wanted is Self:
        wanted = own
    if is_referred(wanted):
        return lambda value: typing_of_stubs.take_object(value, wanted)
    marked = with_markers(wanted, "the result", own=own, more=_Dicts().replaced)
    if marked is Any:
        return None
    check = _adapter(marked).validator.validate_python

    def convert(value: Any) -> Any:
        try:
            made = check(value, by_alias=True, by_name=True, context=typing_of_stubs)
        except ValidationError as error:
            what = explain_first(error)
        else:
            stubs = getattr(value, "stubs", None)
            # What has stubs inside can be disposed as a whole, whatever it was checked by.
            return made if stubs is None or type(made) not in (dict, list) else whole_result(made, stubs)
        raise typing_of_stubs.error("the result", what)

    return convert


class _Typing:
    """Gives stubs and streams that come in a result the types that its annotation has for them."""

    def __init__(self, service: str, label: str) -> None:
        self._service = service
        self._label = label

    def take_object(self, value: Any, cls: type) -> Any:
        """A stub of an object of *cls*, which from now on knows so."""
        return typed(value, cls) if isinstance(value, Stub) and not hasattr(cls, "__callyard_start__") else value

    def take_function(self, value: Any, returns: Any) -> Any:
        """A stub of a function, which from now on knows what it *returns*."""
        if isinstance(value, RpcStub) and returns is not Any:
            live_target(value).rebuild = FunctionRebuilder(returns, self._service).rebuild
        return value

    def take_stream(self, value: Any, _where: str, check: Callable[[Any], Any]) -> Any:
        """A stream, each item of which is rebuilt when it is read."""

        def convert(number: int, item: Any) -> Any:
            try:
                return check(item)
            except ValidationError as error:
                what = explain_first(error)
            raise self.error(f"item {number} of the stream", what)

        return each(value, convert)

    def error(self, where: str, what: str) -> InvalidResult:
        """What a caller gets instead of a value that does not fit."""
        prefix = f"{self._service}: " if self._service else ""
        return InvalidResult(f"{prefix}{self._label}: {where} is not what the caller's types say: {what}.")


class _Dicts:
    """Looks at dicts with known keys: one of plain values is what travelled, one with stubs inside has to be looked at.

    Before Python 3.12 pydantic cannot read those of `typing`, so another one stands for each.
    """

    def __init__(self) -> None:
        self._open: list[Any] = []

    def replaced(self, part: Any) -> Any:
        """What stands for *part*: for any other type itself."""
        if not is_typeddict(part):
            return part
        if part in self._open:
            # Of one that contains itself the inner ones stay as they come.
            return Any
        self._open.append(part)
        try:
            hints = get_type_hints(part)
            fields = {key: with_markers(hint, "the result", more=self.replaced) for key, hint in hints.items()}
        finally:
            self._open.pop()
        return _stand_in(part, fields) if any(map(_holds_marker, fields.values())) else Any


def _stand_in(wanted: Any, fields: dict[str, Any]) -> Any:
    optional: frozenset[str] = wanted.__optional_keys__
    given = {key: NotRequired[kind] if key in optional else kind for key, kind in fields.items()}
    make: Any = TypedDict
    stand_in = make(wanted.__name__, given)
    stand_in.__pydantic_config__ = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    return stand_in


def _holds_marker(kind: Any) -> bool:
    """Whether there is something in *kind* that has to be looked at; every dict with known keys left in it is such."""
    if is_typeddict(kind):
        return True
    if any(isinstance(each, MARKERS) for each in getattr(kind, "__metadata__", ())):
        return True
    return any(map(_holds_marker, typing.get_args(kind)))


def _adapter(wanted: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(wanted, config=_CONFIG)
    except PydanticUserError:
        # Models and dataclasses have a configuration of their own and may not be given one.
        return TypeAdapter(wanted)

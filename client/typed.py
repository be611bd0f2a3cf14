"""Typed stubs: a class says what methods give, type checkers know it, and results are rebuilt into those types.

`like=` takes any class that declares the members: a generated module, a protocol, or the class of the service itself.
It says which types results have, never how a member is called: that is what the client does, with or without `await`.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, cast

from broker.errors import InvalidResult
from client.stub import Stub, Target, live_target

_log: Final = logging.getLogger("callyard.client")
_UNCHANGED: Final = object()
_WAITING: Final = (Awaitable, Coroutine)
_STEPWISE: Final = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator)
_Convert = Callable[[Any], Any]


class Rebuilder:
    """Rebuilds the results of the members of a class; each is looked at once, when it first gives something."""

    def __init__(self, like: type) -> None:
        if not isinstance(like, type):  # pyright: ignore[reportUnnecessaryIsInstance] -- users may
            raise TypeError(f"like= takes a class, not {like!r:.80}.")
        self.like: Final = like
        self._known: dict[str, _Convert | None] = {}

    def rebuild(self, path: tuple[str, ...], value: Any) -> Any:
        """*value*, which the member at *path* gave, as its annotation has it.

        Raises:
            InvalidResult: it does not fit.
        """
        if len(path) != 1:
            return value
        name = path[0]
        if name not in self._known:
            self._known[name] = self._compile(name)
        convert = self._known[name]
        return value if convert is None else convert(value)

    def is_property(self, name: str) -> bool:
        """Whether the class declares *name* as a property or attribute."""
        if isinstance(inspect.getattr_static(self.like, name, None), property | cached_property):
            return True
        return not hasattr(self.like, name) and any(
            name in vars(c).get("__annotations__", {}) for c in self.like.__mro__
        )

    def _compile(self, name: str) -> _Convert | None:
        label = f"{self.like.__qualname__}.{name}"
        try:
            wanted = _given_by(self.like, name)
            return None if wanted is _UNCHANGED else _converter(label, wanted)
        except Exception as error:
            _log.warning("results of %s stay as they come: %s", label, error)
            return None


def typed(stub: Stub, like: type) -> Stub:
    """Another stub for the same thing, whose results are rebuilt as *like* has them; of objects they stay as they come.

    Raises:
        TypeError: *like* is no class.
    """
    rebuilder, target = Rebuilder(like), live_target(stub)
    return Stub(replace(target, rebuild=rebuilder.rebuild)) if isinstance(target, Target) else stub


def rebuilder_of(stub: Stub) -> Rebuilder | None:
    """What rebuilds the results of *stub*, if anything does."""
    owner: object = getattr(getattr(live_target(stub), "rebuild", None), "__self__", None)
    return owner if isinstance(owner, Rebuilder) else None


def _given_by(like: type, name: str) -> Any:
    """The type that awaiting the member gives; `_UNCHANGED` where nothing is said of it."""
    member = inspect.getattr_static(like, name, None)
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = cast("Any", member).func
    if member is None:
        found: Any = typing.get_type_hints(like).get(name, _UNCHANGED)
    else:
        found = typing.get_type_hints(inspect.unwrap(member), include_extras=True).get("return", _UNCHANGED)
    while typing.get_origin(found) in _WAITING:
        found = typing.get_args(found)[-1]
    return _UNCHANGED if found is Any or (typing.get_origin(found) or found) in _STEPWISE else found


def _converter(label: str, wanted: Any) -> _Convert | None:
    if typing.is_typeddict(wanted) or wanted is None or wanted is type(None):
        # What travels is a dict already.
        return None
    if _is_face(wanted):
        return lambda value: typed(value, wanted) if isinstance(value, Stub) else value
    if any(_is_face(part) for part in _parts(wanted)):
        # Stubs inside of something else are what they are.
        return None
    # Not before it is needed: callers that use no types start without it.
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(wanted, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError as error:
        if error.code == "typed-dict-version":
            # Before Python 3.12 pydantic cannot read those of `typing`; what is in them travels as it is.
            return None
        # Models and dataclasses have a configuration of their own and may not be given one.
        adapter = TypeAdapter(wanted)
    check = adapter.validator.validate_python

    def convert(value: Any) -> Any:
        try:
            return check(value, by_alias=True, by_name=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            at = "".join(f"[{step!r}]" for step in first["loc"])
        raise InvalidResult(
            f"{label}: the result is not what the caller's types say: {first['msg']}{at and f' at {at}'}."
        )

    return convert


def _parts(wanted: Any) -> Iterator[Any]:
    for part in typing.get_args(wanted):
        yield part
        yield from _parts(part)


def _is_face(wanted: Any) -> bool:
    """Whether values of the class *wanted* travel by reference, so that a stub comes in their place."""
    if not isinstance(wanted, type):
        return False
    by_reference = any(hasattr(base, "__callyard_reserved__") for base in wanted.__mro__)
    return by_reference or getattr(wanted, "_is_protocol", False) is True

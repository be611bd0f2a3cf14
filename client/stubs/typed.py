"""Typed stubs: a class says what methods give, type checkers know it, and results are rebuilt into those types.

`like=` takes any class that declares the members: a generated module, a protocol, or the class of the service itself.
It says which types results have, never how a member is called: that is what the client does, with or without `await`.
"""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import cached_property, partialmethod, singledispatchmethod
from typing import Any, Final, cast

from broker.names import DEFAULT_ENTRYPOINT
from client.stubs.stub import Stub, Target, live_target

_log: Final = logging.getLogger("callyard.client")
_WAITING: Final = (Awaitable, Coroutine)
_Convert = Callable[[Any], Any]


class Rebuilder:
    """Rebuilds the results of the members of a class; each is looked at once, when it first gives something.

    *service* is what errors call whose members they are.
    """

    def __init__(self, like: type, service: str = "") -> None:
        if not isinstance(like, type):  # pyright: ignore[reportUnnecessaryIsInstance] -- users may
            raise TypeError(f"like= takes a class, not {like!r:.80}.")
        self.like: Final = like
        self._service: Final = service
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
            self._known[name] = converter(
                self._service, f"{self.like.__qualname__}.{name}", lambda: _given_by(self.like, name), self.like
            )
        convert = self._known[name]
        return value if convert is None else convert(value)

    def is_property(self, name: str) -> bool:
        """Whether the class declares *name* as a property or attribute."""
        if isinstance(inspect.getattr_static(self.like, name, None), property | cached_property):
            return True
        return not hasattr(self.like, name) and any(
            name in vars(c).get("__annotations__", {}) for c in self.like.__mro__
        )


class FunctionRebuilder:
    """Rebuilds what a function gives into the type *returns*."""

    def __init__(self, returns: Any, service: str) -> None:
        self._returns = returns
        self._service = service
        self._known: list[_Convert | None] = []

    def rebuild(self, path: tuple[str, ...], value: Any) -> Any:
        """*value*, which the function gave, as its type has it; what its members give stays as it comes.

        Raises:
            InvalidResult: it does not fit.
        """
        if path:
            return value
        if not self._known:
            self._known.append(converter(self._service, "the function", lambda: self._returns))
        convert = self._known[0]
        return value if convert is None else convert(value)


def converter(service: str, label: str, wanted: Callable[[], Any], own: type | None = None) -> _Convert | None:
    """What makes of a result a value of the type that *wanted* gives; None where it can stay as it came.

    *own* is the class that `Self` means in it.
    """
    try:
        found = wanted()
        if found is Any or found in (None, type(None)):
            return None
        # Not before it is needed: callers that use no types start without it, and without pydantic.
        from client.stubs.rebuilding import compile_rebuilding

        return compile_rebuilding(service, label, found, own)
    except Exception as error:
        _log.warning("results of %s stay as they come: %s", label, error)
        return None


def _given_by(like: type, name: str) -> Any:
    """The type that awaiting the member gives; `Any` where nothing is said of it."""
    member = inspect.getattr_static(like, name, None)
    while isinstance(member, partialmethod | singledispatchmethod):
        member = cast("Any", member).func
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = cast("Any", member).func
    if member is None:
        found: Any = typing.get_type_hints(like).get(name, Any)
    else:
        found = typing.get_type_hints(inspect.unwrap(member), include_extras=True).get("return", Any)
    while typing.get_origin(found) in _WAITING:
        found = typing.get_args(found)[-1]
    return found


def typed(stub: Stub, like: type) -> Stub:
    """A stub for the same thing, whose results are rebuilt as *like* has them; of an object it is the very same stub.

    Raises:
        TypeError: *like* is no class.
    """
    target = live_target(stub)
    if isinstance(target, Target):
        name = target.service if target.entrypoint == DEFAULT_ENTRYPOINT else f"{target.service}#{target.entrypoint}"
        return Stub(replace(target, rebuild=Rebuilder(like, name).rebuild))
    session: Any = target.session
    target.rebuild = Rebuilder(like, "" if session is None else session.service).rebuild
    return stub


def rebuilder_of(stub: Stub) -> Rebuilder | None:
    """What rebuilds the results of the members of *stub*, if anything does."""
    owner: object = getattr(getattr(live_target(stub), "rebuild", None), "__self__", None)
    return owner if isinstance(owner, Rebuilder) else None

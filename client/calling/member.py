"""A member of a stub or of a promised result: a method to call, or a property to await."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, Protocol

from broker.envelope import CALL, GET, MAP

if TYPE_CHECKING:
    from client.calling.call import Call

DEEPEST_PATH: Final = 64
"""Names in one path at most, as upstream."""


class Receiver(Protocol):
    """What members belong to: it starts the calls on them."""

    def __callyard_start__(
        self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Start one step at the end of *path*."""
        ...


class Member:
    """A member of a stub: call it as a method, or await it to read it as a property."""

    __slots__ = ("_path", "_stub")

    def __init__(self, stub: Receiver, path: tuple[str, ...]) -> None:
        if len(path) > DEEPEST_PATH:
            raise TypeError(f"RPC pipelined property path is too deep (max {DEEPEST_PATH}).")
        self._stub = stub
        self._path = path

    def __getattr__(self, name: str) -> Member:
        if name.startswith("__") and name.endswith("__"):
            # Python's own protocols must see that we do not implement them.
            raise AttributeError(name)
        return type(self)(self._stub, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Call:
        """Start the call now and return it; awaiting it gives the result."""
        return self._stub.__callyard_start__(CALL, self._path, args, kwargs)

    def __await__(self) -> Generator[Any, None, Any]:
        """Read the property."""
        return self._stub.__callyard_start__(GET, self._path, (), {}).__await__()

    def __repr__(self) -> str:
        return f"<member {'.'.join(self._path)} of {self._stub!r}>"


class PromisedMember(Member):
    """A member of a result to come. Of its own it has `map`, as the result has."""

    __slots__ = ()

    def map(self, function: Callable[[Any], Any]) -> Call:
        """What *function* makes of each item of this member; see `Call.map`."""
        from client.session.promises import record

        return self._stub.__callyard_start__(MAP, self._path, record(function), {})


def split(member: Member) -> tuple[Receiver, tuple[str, ...]]:
    """What *member* is a member of, and the path to it."""
    return object.__getattribute__(member, "_stub"), object.__getattribute__(member, "_path")

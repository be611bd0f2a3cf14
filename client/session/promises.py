"""Values that are not there yet: results of steps that still run, and the placeholder with which `map` records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn, cast

from broker.envelope import CALL
from broker.errors import DataCloneError, PayloadTooLarge, ProtocolError

MOST_RECORDED: Final = 64
"""Calls that the function of one `map` may make."""
MOST_REPEATED: Final = 1 << 20
"""Values and bytes of text that arguments may repeat by having the results of other steps in them several times."""
_SMALL: Final = 64
"""What is no larger counts every time it occurs."""

_ONCE: Final = (
    "The function given to map() is run once, with a placeholder: it can only read members, call them and return."
)


class Promised(NamedTuple):
    """Stands in arguments for the value of the step of that number, or for what *path* leads to in it."""

    step: int
    path: tuple[str, ...]


class Placeholder:
    """An item of a list that is somewhere else, or what a recorded call will give."""

    __slots__ = ("_path", "_recorded", "_step")

    def __init__(self, recorded: list[list[Any]], step: int, path: tuple[str, ...] = ()) -> None:
        self._recorded = recorded
        self._step = step
        self._path = path

    def __getattr__(self, name: str) -> Placeholder:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Placeholder(self._recorded, self._step, (*self._path, name))

    def __getitem__(self, name: str) -> Placeholder:
        """What stands under *name* in an item that is a dict."""
        if type(name) is not str:
            raise TypeError(_ONCE)
        return Placeholder(self._recorded, self._step, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Placeholder:
        """Record a call."""
        if len(self._recorded) >= MOST_RECORDED:
            raise TypeError(f"The function given to map() makes more than {MOST_RECORDED} calls.")
        self._recorded.append([self._step, CALL, list(self._path), list(args), kwargs])
        return Placeholder(self._recorded, len(self._recorded))

    def __bool__(self) -> NoReturn:
        raise TypeError(_ONCE)

    def __iter__(self) -> NoReturn:
        raise TypeError(_ONCE)

    def __await__(self) -> NoReturn:
        raise TypeError(_ONCE)

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(_ONCE)

    def __str__(self) -> NoReturn:
        raise TypeError(_ONCE)

    def __format__(self, how: str) -> NoReturn:
        raise TypeError(_ONCE)

    def __repr__(self) -> str:
        return f"<item of map(), step {self._step}{''.join(f'.{name}' for name in self._path)}>"

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- it equals nothing


def promise_of(placeholder: Placeholder, recorded: object) -> Promised:
    """What *placeholder* stands for among the calls *recorded*.

    Raises:
        DataCloneError: it belongs to the function of another `map`, or stands outside of any.
    """
    get = object.__getattribute__
    if get(placeholder, "_recorded") is not recorded:
        raise DataCloneError("The item that map() gives to its function can be passed to calls on that item only.")
    return Promised(get(placeholder, "_step"), get(placeholder, "_path"))


def record(function: Callable[[Any], Any]) -> tuple[list[list[Any]], Any]:
    """The calls that *function* makes on a placeholder, and what it returns, placeholders included.

    Raises:
        TypeError: it does what cannot be recorded.
    """
    recorded: list[list[Any]] = []
    returned = function(Placeholder(recorded, 0))
    return recorded, returned


def read_promise(wire: list[Any]) -> Promised:
    """The promise that arrived.

    Raises:
        ProtocolError: it is malformed.
    """
    match wire:
        case [int(step), list()] if all(type(name) is str for name in wire[1]):
            return Promised(step, tuple(wire[1]))
        case _:
            raise ProtocolError("A promise is malformed.")


def promised_in(value: Any) -> set[Promised]:
    """The promises that stand in *value*."""
    if type(value) is Promised:
        return {value}
    parts = _parts(value)
    return set[Promised]().union(*map(promised_in, parts)) if parts else set()


def check_places(value: Any, promised: int) -> None:
    """Check that all of the promises in *value* stand where they are found, and so are kept.

    Raises:
        ProtocolError: some stand in a set, in a key or in an exception.
    """
    if _count(value) != promised:
        raise ProtocolError("A promise stands where none may.", executed="no")


def _count(value: Any) -> int:
    return 1 if type(value) is Promised else sum(map(_count, _parts(value)))


def fulfilled(value: Any, kept: Mapping[Promised, Any]) -> Any:
    """*value* with what *kept* has in place of each promise.

    Raises:
        PayloadTooLarge: it repeats more than `MOST_REPEATED` of what the values in it do not repeat themselves.
    """
    whole = _with(value, kept)
    if kept and _repeated(whole) - max(map(_repeated, kept.values())) > MOST_REPEATED:
        # Steps that each use the one before twice make a value double with every step, and here it is still small.
        raise PayloadTooLarge("The steps of the program repeat one another's values too often.", executed="no")
    return whole


def _repeated(value: Any) -> int:
    """By how much *value*, written out, is larger than it is here."""
    known: dict[int, int] = {}
    return _written_out(value, known) - known.get(0, 0)


def _written_out(value: Any, known: dict[int, int]) -> int:
    """The size of *value* with what it repeats counted every time, and in *known*, under 0, with it counted once."""
    parts = _parts(value)
    own = 1 + (len(value) if type(value) in (str, bytes) else 0)
    if not parts and own <= _SMALL:
        known[0] = known.get(0, 0) + own
        return own
    size = known.get(id(value))
    if size is None:
        known[0] = known.get(0, 0) + own
        known[id(value)] = own  # should it contain itself
        size = known[id(value)] = own + sum([_written_out(part, known) for part in parts])
    return size


def _with(value: Any, kept: Mapping[Promised, Any]) -> Any:
    if type(value) is Promised:
        return kept[value]
    if type(value) is dict:
        return {key: _with(item, kept) for key, item in cast("dict[Any, Any]", value).items()}
    if type(value) in (list, tuple):
        return type(value)(_with(item, kept) for item in cast("list[Any]", value))
    return value


def _parts(value: Any) -> Sequence[Any]:
    if type(value) is dict:
        return list(cast("dict[Any, Any]", value).values())
    return cast("list[Any]", value) if type(value) in (list, tuple) else ()

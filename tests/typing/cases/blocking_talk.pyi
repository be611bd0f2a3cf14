"""The service talk, as its live workers offer it.

Made by `python -m client types talk --blocking`; with `--check` it says whether the service still fits.
"""

from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, NotRequired, Protocol, TypedDict

from client import BlockingHandle, RpcTarget
from typing_extensions import ReadOnly

class Booking(TypedDict):
    seat: Seat
    number: int

class Line(TypedDict):
    """Something that was said."""

    who: str
    text: str

class LineInput(TypedDict):
    """Something that was said."""

    who: ReadOnly[str]
    text: ReadOnly[NotRequired[str]]

class Listener(BlockingHandle, Protocol):
    """Hears what is said."""

    def hear(self, line: LineInput) -> None: ...

class Room(BlockingHandle, Protocol):
    def seats(self) -> list[Seat]: ...

class Seat(BlockingHandle, Protocol):
    """A seat in a room."""

    def history(self, since: int = ...) -> Iterator[Line]:
        """What was said so far."""

    def next(self) -> Seat: ...
    @property
    def others(self) -> list[str]:
        """Who else is there."""

    def room(self) -> Room: ...
    def say(self, text: str) -> int: ...

class Default(Protocol):
    """The way in."""

    def admin(self) -> Admin: ...
    def anything(self, function: Callable[..., Any]) -> Callable[..., int]: ...
    def book(self) -> Booking: ...
    def both(self) -> tuple[int, Iterator[Line]]: ...
    def find(self, name: str) -> Seat | None: ...
    def join(self, room: str, hear: Callable[[Line], Awaitable[None] | None]) -> Seat:
        """Take a seat."""

    def lines(self) -> Iterator[Line]: ...
    def listen(self, listener: Listener | RpcTarget) -> None: ...
    def maker(self) -> Callable[[int, LineInput], Line]: ...
    def pass_on(self, stub: Any) -> Any: ...
    def swap(self, seat: Seat | RpcTarget) -> tuple[Seat, int]: ...
    @property
    def ticks(self) -> Iterator[int]: ...
    def upload(self, lines: Generator[LineInput, Any, Any]) -> int: ...

class Admin(Protocol):
    def seats(self) -> dict[str, Seat]: ...

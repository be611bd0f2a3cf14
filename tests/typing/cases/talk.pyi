"""The service talk, as its live workers offer it.

Made by `python -m client types talk`; with `--check` it says whether the service still fits.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any, NotRequired, Protocol, TypedDict

from client import Handle, RpcStub, RpcTarget
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

class Listener(Handle, Protocol):
    """Hears what is said."""

    async def hear(self, line: LineInput) -> None: ...

class Room(Handle, Protocol):
    async def seats(self) -> list[Seat]: ...

class Seat(Handle, Protocol):
    """A seat in a room."""

    def history(self, since: int = ...) -> AsyncIterator[Line]:
        """What was said so far."""

    async def next(self) -> Seat: ...
    @property
    def others(self) -> Awaitable[list[str]]:
        """Who else is there."""

    async def room(self) -> Room: ...
    async def say(self, text: str) -> int: ...

class Default(Protocol):
    """The way in."""

    async def admin(self) -> Admin: ...
    async def anything(
        self,
        function: Callable[..., Any],
    ) -> Callable[..., Awaitable[int]]: ...
    async def book(self) -> Booking: ...
    async def both(self) -> tuple[int, AsyncIterator[Line]]: ...
    async def find(self, name: str) -> Seat | None: ...
    async def join(
        self,
        room: str,
        hear: Callable[[Line], Awaitable[None] | None],
    ) -> Seat:
        """Take a seat."""

    def lines(self) -> AsyncIterator[Line]: ...
    async def listen(self, listener: Listener | RpcTarget) -> None: ...
    async def maker(self) -> Callable[[int, LineInput], Awaitable[Line]]: ...
    async def pass_on(self, stub: Any) -> RpcStub: ...
    async def swap(self, seat: Seat | RpcTarget) -> tuple[Seat, int]: ...
    @property
    def ticks(self) -> Awaitable[AsyncIterator[int]]: ...
    async def upload(self, lines: AsyncIterable[LineInput]) -> int: ...

class Admin(Protocol):
    async def seats(self) -> dict[str, Seat]: ...

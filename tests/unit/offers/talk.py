"""A service of which much travels by reference, as somebody would write it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

from pydantic import BaseModel

from worker_runtime.services.service import Service
from workers import RpcStub, RpcTarget, WorkerEntrypoint


class Line(BaseModel):
    """Something that was said."""

    who: str
    text: str = ""


class Listener(Protocol):
    """Hears what is said."""

    async def hear(self, line: Line) -> None: ...


class Room(RpcTarget):
    def seats(self) -> list[Seat]: ...


class Seat(RpcTarget):
    """A seat in a room."""

    @property
    def others(self) -> list[str]:
        """Who else is there."""

    async def say(self, text: str) -> int: ...

    async def history(self, since: int = 0) -> AsyncIterator[Line]:
        """What was said so far."""
        yield Line(who="")

    def room(self) -> Room: ...

    def next(self) -> Self: ...

    def dispose(self) -> None: ...


@dataclass
class Booking:
    seat: Seat
    number: int


class Default(WorkerEntrypoint):
    """The way in."""

    async def join(self, room: str, hear: Callable[[Line], Awaitable[None]]) -> Seat:
        """Take a seat."""

    async def book(self) -> Booking: ...

    async def find(self, name: str) -> Seat | None: ...

    async def listen(self, listener: Listener) -> None: ...

    async def swap(self, seat: Seat) -> tuple[Seat, int]: ...

    async def upload(self, lines: AsyncIterator[Line]) -> int: ...

    async def both(self) -> tuple[int, AsyncIterator[Line]]: ...

    def maker(self) -> Callable[[int, Line], Line]: ...

    def anything(self, function: Callable[..., Any]) -> Callable[..., int]: ...

    def lines(self) -> Iterator[Line]:
        yield Line(who="")

    def pass_on(self, stub: RpcStub) -> RpcStub: ...

    def admin(self) -> Admin: ...

    @property
    def ticks(self) -> AsyncIterator[int]: ...


class Admin(WorkerEntrypoint):
    async def seats(self) -> dict[str, Seat]: ...


TALK = Service("talk", {"Default": Default, "Admin": Admin}).describe()

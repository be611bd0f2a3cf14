"""Objects, functions and streams, as the types of `python -m client types` have them; `talk.pyi` is such a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Protocol, assert_type, cast

import blocking_talk
from faces import User
from talk import Admin, Booking, Default, Line, LineInput, Room, Seat

from client import Handle, RpcStub, RpcTarget, connect, connect_blocking


class Ear(RpcTarget):
    def hear(self, line: object) -> None: ...


async def spoken() -> AsyncIterator[LineInput]:
    yield {"who": "Ann"}


async def numbers() -> AsyncIterator[int]:
    yield 1


def heard(line: Line) -> None:
    print(line["text"])


async def heard_later(line: Line) -> None:
    print(line["text"])


async def objects() -> None:
    async with connect() as services:
        talk = cast("Default", services.talk)
        seat = await talk.join("lobby", heard)
        assert_type(seat, Seat)
        assert_type(await seat.others, list[str])
        assert_type(await (await seat.next()).room(), Room)
        assert_type(await talk.find("Ann"), Seat | None)
        assert_type(await talk.book(), Booking)
        assert_type((await talk.book())["seat"], Seat)
        assert_type(await talk.admin(), Admin)
        assert_type(await talk.pass_on(seat), RpcStub)
        await talk.join("lobby", heard_later)
        await talk.join("lobby", lambda line: print(line["who"]))
        await talk.join("lobby", lambda line: print(line["nobody"]))  # expect: error
        await talk.join("lobby", 1)  # expect: error
        await seat.whisper("Bob")  # expect: error
        await talk.listen(Ear())
        await talk.listen("no ear")  # expect: error
        assert_type(await talk.swap(seat), tuple[Seat, int])


async def disposing() -> None:
    async with connect() as services:
        talk = cast("Default", services.talk)
        async with await talk.join("lobby", heard) as seat:
            assert_type(await seat.say("Hi"), int)
            with seat.dup() as other:
                assert_type(other, Seat)
        seat.dispose()
        talk.dispose()  # expect: error


async def streams() -> None:
    async with connect() as services:
        talk = cast("Default", services.talk)
        async for line in talk.lines():
            assert_type(line, Line)
            print(line["colour"])  # expect: error
        total, lines = await talk.both()
        assert_type(total, int)
        assert_type([line["who"] async for line in lines], list[str])
        async for number in await talk.ticks:
            assert_type(number, int)
        await talk.upload(spoken())
        await talk.upload(numbers())  # expect: error
        await talk.upload([{"who": "Ann"}])  # expect: error


async def functions() -> None:
    async with connect() as services:
        maker = await cast("Default", services.talk).maker()
        assert_type(maker, Callable[[int, LineInput], Awaitable[Line]])
        assert_type(await maker(1, {"who": "Ann"}), Line)
        await maker("1", {"who": "Ann"})  # expect: error


def without_await() -> None:
    with connect_blocking() as services:
        talk: blocking_talk.Default = cast("Any", services.talk)
        with talk.join("lobby", heard) as seat:
            assert_type(seat, blocking_talk.Seat)
            assert_type(seat.others, list[str])
            assert_type(seat.say("Hi"), int)
            for line in seat.history():
                assert_type(line, blocking_talk.Line)
        assert_type(talk.lines(), Iterator[blocking_talk.Line])
        for line in talk.lines():
            print(line["colour"])  # expect: error
        assert_type(talk.maker()(1, {"who": "Ann"}), blocking_talk.Line)
        assert_type(talk.ticks, Iterator[int])


class Desk(Handle, Protocol):
    async def serve(self, user: User) -> bool: ...


class Visits(Protocol):
    def users(self) -> AsyncIterator[User]: ...
    async def desk(self) -> Desk: ...
    async def greet(self, users: AsyncIterator[User]) -> None: ...


class BlockingVisits(Protocol):
    def users(self) -> Iterator[User]: ...


async def models_in_streams() -> None:
    async with connect() as services:
        visits = services.service("visits", like=Visits)
        async with await visits.desk() as desk:
            async for user in visits.users():
                assert_type(user, User)
                assert_type(await desk.serve(user), bool)
                await desk.serve(user.name)  # expect: error
        await visits.greet(visits.users())
        await visits.greet(numbers())  # expect: error


def models_in_blocking_streams() -> None:
    with connect_blocking() as services:
        for user in services.service("visits", like=BlockingVisits).users():
            assert_type(user, User)

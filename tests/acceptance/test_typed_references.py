"""Objects, functions and streams have types at both ends: checked at the callee, rebuilt at the caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any, Protocol

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from client import InvalidArguments, InvalidResult, RpcStub, connect_blocking, options
from worker_runtime.testing import serve
from workers import RpcTarget, WorkerEntrypoint

closed: list[str] = []


class Line(BaseModel):
    who: str
    day: date | None = None


@dataclass
class Point:
    x: int


class Seat(RpcTarget):
    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def point(self) -> Point:
        return Point(len(self.name))

    async def said(self, most: int) -> AsyncIterator[Line]:
        for number in range(most):
            yield Line(who=f"{self.name}{number}", day=date(2024, 1, 1))

    def neighbour(self) -> "Seat":
        return Seat(f"{self.name}'s neighbour")

    def measure(self, size: int) -> Point:
        return Point(size)


@dataclass
class Booking:
    seat: Seat
    number: int


class Talk(WorkerEntrypoint):
    """Everything by reference, most of it right."""

    def join(self, name: str) -> Seat:
        return Seat(name)

    def book(self, name: str) -> Booking:
        return Booking(Seat(name), 7)

    def seats(self, names: list[str]) -> dict[str, Seat]:
        return {name: Seat(name) for name in names}

    def function(self) -> Callable[[int], Point]:
        return partial(Point)

    async def lines(self, bad: int | None = None) -> AsyncIterator[Line]:
        try:
            for number in range(4):
                item: Any = {"who": number} if number == bad else Line(who=str(number))
                yield item
        finally:
            closed.append("lines")

    def plain(self, bad: int | None = None) -> Iterator[Line]:
        for number in range(3):
            item: Any = "none" if number == bad else Line(who=str(number))
            yield item

    def with_total(self) -> tuple[int, AsyncIterator[Line]]:
        return 4, self.lines()

    async def upload(self, lines: AsyncIterator[Line], name: str = "") -> list[str]:
        return [f"{type(line).__name__} {line.who}" async for line in lines]

    async def name_of(self, seat: Seat) -> int:
        return (await seat.point)["x"]

    def no_seat(self) -> Seat:
        wrong: Any = {"name": "Ann"}
        return wrong

    def loose(self) -> Any:
        return {"x": "far"}

    async def loose_lines(self) -> AsyncIterator[Any]:
        yield {"who": "Ann"}
        yield {"whom": "Bob"}


class SeatFace(Protocol):
    """A seat as a caller of its own sees it."""

    @property
    def point(self) -> Awaitable[Point]: ...
    def said(self, most: int) -> AsyncIterator[Line]: ...
    async def neighbour(self) -> "SeatFace": ...
    async def measure(self, size: int) -> Point: ...


class BookingDict(TypedDict):
    seat: SeatFace
    number: int


class TalkFace(Protocol):
    async def join(self, name: str) -> SeatFace: ...
    async def book(self, name: str) -> BookingDict: ...
    async def seats(self, names: list[str]) -> dict[str, SeatFace]: ...
    async def function(self) -> Callable[[int], Awaitable[Point]]: ...
    def lines(self, bad: int | None = None) -> AsyncIterator[Line]: ...
    async def with_total(self) -> tuple[int, AsyncIterator[Line]]: ...
    async def loose(self) -> SeatFace | Point: ...
    def loose_lines(self) -> AsyncIterator[Line]: ...


async def names_in(lines: AsyncIterator[Any], heard: list[str]) -> None:
    """Add who speaks in *lines* to *heard*, as long as it goes well."""
    async for line in lines:
        heard += [line.who]


@asynccontextmanager
async def talk(like: type = Talk) -> AsyncIterator[Any]:
    async with serve(Talk) as served:
        yield served.services.service("talk", like=like)


@pytest.mark.parametrize("like", [Talk, TalkFace])
async def test_what_an_object_gives_is_rebuilt_and_what_its_results_give_too(like):
    async with talk(like) as stub, await stub.join("Ann") as seat:
        assert await seat.point == Point(3)
        assert await (await seat.neighbour()).measure(4) == Point(4)
        assert [line async for line in seat.said(1)] == [Line(who="Ann0", day=date(2024, 1, 1))]
        with seat.dup() as other:
            assert await options(other, timeout=5).measure(5) == Point(5)


@pytest.mark.parametrize("like", [Talk, TalkFace])
async def test_stubs_within_results_are_typed_and_what_holds_them_is_rebuilt(like):
    async with talk(like) as stub:
        booked = await stub.book("Ann")
        seat, number = (booked.seat, booked.number) if like is Talk else (booked["seat"], booked["number"])
        assert isinstance(booked, Booking if like is Talk else dict)
        assert number == 7
        assert await seat.point == Point(3)
        seats = await stub.seats(["A", "Bo"])
        assert [await seat.point for seat in seats.values()] == [Point(1), Point(2)]
        seats.dispose()
        function = await stub.function()
        assert await function(3) == Point(3)


@pytest.mark.parametrize("like", [Talk, TalkFace])
async def test_items_of_a_stream_are_rebuilt(like):
    async with talk(like) as stub:
        assert [line async for line in stub.lines()] == [Line(who=str(number)) for number in range(4)]
        total, lines = await stub.with_total()
        assert total == len([line.who async for line in lines])


async def test_an_item_that_the_callee_should_not_have_yielded_says_which():
    async with talk() as stub:
        closed.clear()
        got: list[str] = []
        with pytest.raises(TypeError) as raised:
            await names_in(stub.lines(bad=2), got)

        assert got == ["0", "1"]
        assert str(raised.value) == ("talk.lines(): item 3 of the result at ['who'] should be a valid string, got int")
        assert raised.value.remote  # type: ignore[attr-defined]
        assert closed == ["lines"]


async def test_items_of_plain_generators_are_checked_too():
    async with talk() as stub:
        with pytest.raises(TypeError, match=r"^talk\.plain\(\): item 2 of the result should be .* Line, got str$"):
            [line async for line in stub.plain(bad=1)]
        assert [line.who async for line in stub.plain()] == ["0", "1", "2"]


async def given(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def test_items_of_a_stream_that_is_an_argument_are_checked_and_rebuilt_at_the_callee():
    async with talk() as stub:
        assert await stub.upload(given({"who": "Ann"}, Line(who="Bob"))) == ["Line Ann", "Line Bob"]
        with pytest.raises(InvalidArguments) as raised:
            await stub.upload(given({"who": "Ann"}, {"who": 1}), name="x")

        assert str(raised.value) == (
            "talk.upload(): item 2 of parameter 'lines' at ['who'] should be a valid string, got int"
        )
        assert raised.value.executed == "yes"


async def test_an_item_that_is_not_what_the_caller_was_told_ends_the_stream():
    async with talk(TalkFace) as stub:
        got: list[str] = []
        lines = await stub.loose_lines()
        with pytest.raises(InvalidResult) as raised:
            await names_in(lines, got)

        assert got == ["Ann"]
        assert str(raised.value) == (
            "talk: TalkFace.loose_lines: item 2 of the stream is not what the caller's types say: "
            "Field required at ['who']."
        )
        assert [line async for line in lines] == []


async def test_something_else_in_the_place_of_an_object_is_told_by_both_ends():
    async with talk() as stub:
        with pytest.raises(
            TypeError, match=r"talk\.no_seat\(\): the result should be a Seat or a stub of one, got dict"
        ):
            await stub.no_seat()
        with pytest.raises(
            InvalidArguments, match=r"parameter 'seat': Input should be a Seat or a stub of one, got int"
        ):
            await stub.name_of(1)
        assert await stub.name_of(await stub.join("Ann")) == 3
        assert await stub.name_of(Seat("Bo")) == 2


async def test_what_an_object_refuses_names_service_class_and_method():
    async with talk() as stub:
        seat = await stub.join("Ann")
        with pytest.raises(InvalidArguments, match=r"^talk\.Seat\.measure\(\): parameter 'size'"):
            await seat.measure("large")


async def test_a_stub_among_the_alternatives_takes_nothing_from_the_others():
    async with talk(TalkFace) as stub:
        with pytest.raises(InvalidResult, match=r"talk: TalkFace\.loose"):
            await stub.loose()


class BlockingSeat(Protocol):
    @property
    def point(self) -> Point: ...
    def said(self, most: int) -> Iterator[Line]: ...
    def measure(self, size: int) -> Point: ...


@dataclass
class BlockingBooking:
    seat: Any
    number: int


class BlockingTalk(Protocol):
    def join(self, name: str) -> BlockingSeat: ...
    def seats(self, names: list[str]) -> dict[str, BlockingSeat]: ...
    def lines(self) -> Iterator[Line]: ...
    def function(self) -> Callable[[int], Point]: ...
    def loose_lines(self) -> Iterator[Line]: ...


async def test_blocking_callers_get_the_same():
    def call(url: str, prefix: str) -> None:
        with connect_blocking(url, prefix=prefix) as services:
            stub = services.service("talk", like=BlockingTalk)
            with stub.join("Ann") as seat:
                assert seat.point == Point(3)
                assert seat.measure(4) == Point(4)
                assert [line.who for line in seat.said(2)] == ["Ann0", "Ann1"]
            assert [seat.point for seat in stub.seats(["A"]).values()] == [Point(1)]
            assert [line.who for line in stub.lines()] == ["0", "1", "2", "3"]
            assert stub.function()(5) == Point(5)
            with pytest.raises(InvalidResult, match="item 2 of the stream"):
                list(stub.loose_lines())
            booked = services.service("talk", like=Talk).book("Ann")
            assert isinstance(booked, Booking)
            assert booked.seat.measure(6) == Point(6)

    async with serve(Talk) as served:
        await asyncio.to_thread(call, served.url, served.services._prefix)


async def test_a_stub_without_types_stays_as_it_was():
    async with serve(Talk) as served:
        seat = await served.stub.join("Ann")
        assert isinstance(seat, RpcStub)
        assert await seat.point == {"x": 3}

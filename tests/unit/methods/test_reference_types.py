"""Types whose values travel by reference: found wherever they stand, and checked for being that."""

from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import pytest
from pydantic import BaseModel
from typing_extensions import TypeAliasType

from broker.errors import InvalidArguments
from broker.http import BodyStream
from broker.methods.checking import Checking
from broker.methods.method import prepare
from broker.methods.targets import Targets
from workers import RpcTarget, WorkerEntrypoint

LAX, STRICT = Checking("svc"), Checking("svc", strict=True)


class Seat(RpcTarget):
    def next(self) -> Self: ...

    def other(self) -> "Row": ...


class Row(RpcTarget):
    def seats(self) -> list[Seat]: ...


class Listener(Protocol):
    def hear(self, text: str) -> None: ...


class Sized(Protocol):
    def __len__(self) -> int: ...


class Card(BaseModel, RpcTarget):
    """A model that travels by reference all the same."""

    number: int


@dataclass
class Booking:
    seat: Seat
    number: int = 0


class Stub:
    """Stands for a stub, which only callers know."""

    def __callyard_start__(self) -> None: ...


Seats = TypeAliasType("Seats", list[Seat])  # type: ignore[type-arg]


class Service(WorkerEntrypoint):
    def one(self, seat: Seat) -> Seat: ...

    def many(self, seats: list[Seat] | dict[str, Seat] | None) -> tuple[int, Seat]: ...

    def alias(self, seats: Seats) -> Seats: ...

    def booking(self, booking: Booking) -> Booking: ...

    def listener(self, listener: Listener) -> Listener | None: ...

    def sized(self, value: Sized) -> None: ...

    def function(self, function: Callable[[Seat], int]) -> Callable[..., "list[Any]"]: ...

    def base(self, target: RpcTarget) -> RpcTarget: ...

    def lines(self) -> AsyncIterator[int]: ...

    def plain(self) -> Generator[int, None, None]: ...

    def either(self) -> Iterable[int]: ...

    def body(self) -> AsyncIterator[bytes]: ...

    def loose(self) -> AsyncIterator[Any]: ...

    def wide(self, pair: tuple[int, *tuple[str, ...]]) -> None: ...


def validated(name: str, value: Any, checking: Checking = LAX) -> Any:
    return prepare(Service, name, checking).validate([value], {})[0][0]


def checked(name: str, value: Any, checking: Checking = LAX) -> Any:
    check = prepare(Service, name, checking).check_result
    assert check is not None
    return check(value)


@pytest.mark.parametrize("checking", [LAX, STRICT])
def test_objects_and_stubs_of_them_pass_wherever_they_stand(checking):
    for seat in (Seat(), Stub()):
        assert validated("one", seat, checking) is seat
        assert validated("many", [seat], checking) == [seat]
        assert validated("many", {"a": seat}, checking) == {"a": seat}
        assert validated("alias", [seat], checking) == [seat]
        assert validated("booking", {"seat": seat, "number": 1}, checking) == Booking(seat, 1)  # type: ignore[arg-type]
        assert checked("one", seat, checking) is seat
        assert checked("many", (1, seat), checking) == (1, seat)


@pytest.mark.parametrize("name", ["one", "many", "alias", "booking", "listener"])
@pytest.mark.parametrize("value", [1, "seat", {"number": 1}, [Row()]])
def test_nothing_else_passes(name, value):
    with pytest.raises(InvalidArguments, match=r"^svc\.\w+\(\): parameter '\w+'"):
        validated(name, value)


def test_what_was_wanted_is_said_by_its_name():
    with pytest.raises(InvalidArguments) as raised:
        validated("one", 1)

    assert str(raised.value) == "svc.one(): parameter 'seat': Input should be a Seat or a stub of one, got int"


def test_what_a_protocol_of_python_s_own_methods_asks_for_plain_values_have():
    assert validated("sized", [1]) == [1]


def test_a_function_is_what_can_be_called():
    assert validated("function", len) is len
    with pytest.raises(InvalidArguments, match="should be callable, got int"):
        validated("function", 1)


def test_a_model_may_be_a_target():
    assert Card.model_validate({"number": "1"}).number == 1


def test_the_results_of_several_types_are_checked_although_stubs_are_among_them():
    with pytest.raises(TypeError, match=r"at \[0\] should be a valid integer"):
        checked("many", ("far", Seat()))


async def numbers(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def test_a_strict_stream_converts_no_item():
    assert [item async for item in checked("lines", numbers("1"))] == [1]
    with pytest.raises(TypeError, match="item 2 of the result should be a valid integer, got str"):
        [item async for item in checked("lines", numbers(1, "2"), STRICT)]


async def test_closing_a_checked_stream_closes_what_it_reads():
    closed = []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.append(True)

    stream = checked("lines", source())
    assert await anext(stream) == 1
    await stream.aclose()

    assert closed == [True]


def test_a_plain_generator_stays_one_and_is_closed_with_its_check():
    closed = []

    def source() -> Iterator[Any]:
        try:
            yield "1"
            yield "two"
        finally:
            closed.append(True)

    stream = checked("plain", source())
    assert isinstance(stream, Generator)
    assert next(stream) == 1
    with pytest.raises(TypeError, match=r"^svc\.plain\(\): item 2 of the result"):
        next(stream)
    assert closed == [True]


def test_an_iterable_may_be_a_list_or_a_generator():
    assert checked("either", ["1", 2]) == [1, 2]
    assert list(checked("either", (item for item in ["1"]))) == [1]
    with pytest.raises(TypeError, match="should be a stream, got list"):
        checked("plain", [1])


def test_the_body_of_a_request_is_read_in_its_own_way():
    body = BodyStream(numbers(b"a"))

    assert checked("body", body) is body


def test_what_may_be_anything_is_left_alone():
    assert prepare(Service, "loose", LAX).check_result is None
    assert prepare(Service, "lines", Checking(results=False)).check_result is None


def test_a_tuple_of_any_length_behind_its_first_is_no_trouble(recwarn):
    assert validated("wide", (1, "a", "b")) == (1, "a", "b")
    assert not recwarn


def test_classes_are_described_once_and_those_that_they_speak_of_too():
    targets = Targets(LAX)
    described = {name: prepare(Service, name, LAX).describe(targets) for name in ("one", "base", "function", "many")}
    classes = targets.describe()

    assert described["one"]["returns"] == {"x-target": "Seat"}
    assert described["base"]["returns"] == {"x-python": "RpcStub"}
    assert described["function"]["parameters"]["properties"]["function"]["takes"] == [{"x-target": "Seat"}]
    assert classes.keys() == {"Seat", "Row"}
    assert classes["Seat"]["members"]["next"]["returns"] == {"x-target": "Seat"}
    assert classes["Row"]["members"]["seats"]["returns"] == {"type": "array", "items": {"x-target": "Seat"}}


def test_two_classes_of_one_name_are_told_apart():
    def another() -> type:
        class Seat(RpcTarget):
            pass

        return Seat

    targets = Targets(LAX)

    assert [targets.name_of(cls) for cls in (Seat, another(), Seat, another())] == ["Seat", "Seat2", "Seat", "Seat3"]

"""Checking results, strict checks, and what the registry is told of a method."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from broker.errors import InvalidArguments
from broker.http import Response
from broker.methods.checking import Checking
from broker.methods.method import Method, prepare
from worker_runtime.entrypoint import WorkerEntrypoint

SHOP = Checking("shop")
STRICT = Checking("shop", strict=True)


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


@dataclass
class Point:
    x: int
    y: int = 0


class User(BaseModel):
    name: str
    born: dt.date | None = None


class Row(TypedDict):
    number: int


class Quack:
    pass


class Shop(WorkerEntrypoint):
    def order(self, size: Size, way: Literal[1, "post"], either: Size | str = "") -> None: ...

    def whole(self) -> int: ...

    def users(self) -> list[User]: ...

    def point(self) -> Point: ...

    def nothing(self) -> None: ...

    def unsaid(self): ...

    def anything(self) -> Any: ...

    def nested_anything(self) -> dict[str, Any]: ...

    def quack(self) -> Quack: ...

    def steps(self) -> Iterator[int]: ...

    def function(self) -> Callable[[], int]: ...

    def response(self) -> Response: ...

    def pairs(self) -> dict[int, tuple[int, ...]]: ...

    async def numbers(self, n: int) -> AsyncIterator[int]:
        yield n

    async def given_numbers(self) -> AsyncIterator[int]: ...

    @property
    def size(self) -> int: ...

    def take(
        self, a: int, when: dt.date, colour: Colour, point: Point, user: User, row: Row, pair: tuple[int, int]
    ) -> None: ...

    def many(self, one: int, /, two: int, *rest: int, three: int = 3, **named: str) -> None: ...

    def exact(self, price: Decimal, token: UUID, data: bytes, kind: Literal["a", "b"] = "a") -> Decimal: ...


def checked(name: str, value: Any, checking: Checking = SHOP) -> Any:
    check = prepare(Shop, name, checking).check_result
    assert check is not None
    return check(value)


def complaint(name: str, value: Any, checking: Checking = SHOP) -> str:
    with pytest.raises(TypeError) as raised:
        checked(name, value, checking)
    return str(raised.value)


def test_a_result_is_converted_to_what_its_annotation_promises():
    assert checked("whole", "3") == 3
    assert checked("users", [{"name": "Ann", "born": "2024-02-29"}]) == [User(name="Ann", born=dt.date(2024, 2, 29))]
    assert checked("point", Point(1, 2)) == Point(1, 2)
    assert checked("size", 7) == 7


def test_a_result_that_breaks_its_promise_says_service_method_expected_and_got():
    assert complaint("whole", None) == "shop.whole(): the result should be a valid integer, got NoneType"
    assert complaint("nothing", 1) == "shop.nothing(): the result should be None, got int"


def test_several_mistakes_in_a_result_are_told_together_and_no_value_is():
    said = complaint("users", [{"name": 1}, {"born": "secret"}])

    assert "at [0]['name'] should be a valid string, got int" in said
    assert "at [1]['name'] field required" in said
    assert "at [1]['born']" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    "name",
    [
        "unsaid", "anything", "nested_anything", "quack", "response",
    ],
)  # fmt: skip
def test_what_promises_nothing_checkable_is_left_as_it_is(name):
    assert prepare(Shop, name).check_result is None


def test_results_are_not_checked_where_the_service_asks_for_that():
    assert prepare(Shop, "whole", Checking(results=False)).check_result is None


def test_a_strict_result_is_not_converted():
    assert checked("whole", 3, STRICT) == 3
    assert complaint("whole", "3", STRICT) == "shop.whole(): the result should be a valid integer, got str"


GOOD = (1, dt.date(2024, 1, 1), "red", {"x": 1}, {"name": "Ann"}, {"number": 1}, (1, 2))


def test_strict_arguments_take_plain_data_for_models_dataclasses_and_enums():
    args, _ = prepare(Shop, "take", STRICT).validate(GOOD, {})

    assert args == (1, dt.date(2024, 1, 1), Colour.RED, Point(1), User(name="Ann"), {"number": 1}, (1, 2))


@pytest.mark.parametrize(
    ("at", "value", "name"),
    [
        (0, "1", "a"), (0, 1.0, "a"), (0, True, "a"), (1, "2024-01-01", "when"), (2, "blue", "colour"),
        (3, {"x": []}, "point"), (5, {"number": "1"}, "row"), (6, [1, 2], "pair"),
    ],
)  # fmt: skip
def test_strict_arguments_are_not_converted(at, value, name):
    given = (*GOOD[:at], value, *GOOD[at + 1 :])

    with pytest.raises(InvalidArguments, match=rf"^shop\.take\(\): parameter '{name}'"):
        prepare(Shop, "take", STRICT).validate(given, {})


@pytest.mark.parametrize("value", [True, 1.0, "1"])
def test_a_strict_enum_or_literal_takes_nothing_that_only_equals_its_values(value):
    order = prepare(Shop, "order", STRICT)

    assert order.validate((1, 1, "1"), {}) == ((Size.SMALL, 1, "1"), {})
    assert order.validate((Size.LARGE, "post", 2), {}) == ((Size.LARGE, "post", Size.LARGE), {})
    with pytest.raises(InvalidArguments, match="parameter 'size': Input should be 1 or 2, got"):
        order.validate((value, 1), {})
    with pytest.raises(InvalidArguments, match="parameter 'way': Input should be 1 or 'post', got"):
        order.validate((1, value), {})


def test_one_class_may_be_served_strictly_and_laxly():
    assert prepare(Shop, "take").validate(("1", *GOOD[1:]), {})[0][0] == 1
    assert prepare(Shop, "whole") is prepare(Shop, "whole")
    assert prepare(Shop, "whole") is not prepare(Shop, "whole", STRICT)


def described(name: str) -> dict[str, Any]:
    method: Method = prepare(Shop, name)
    return method.describe()


def test_the_description_says_how_each_parameter_is_given():
    many = described("many")

    assert [(taken["name"], taken["kind"], taken["optional"]) for taken in many["takes"]] == [
        ("one", "positional", False), ("two", "any", False), ("rest", "rest", True),
        ("three", "keyword", True), ("named", "named", True),
    ]  # fmt: skip
    assert many["rest"] == {"type": "integer"}
    assert many["parameters"]["additionalProperties"] == {"type": "string"}


def test_the_description_of_a_stream_has_the_schema_of_its_items():
    assert (described("numbers")["stream"], described("numbers")["returns"]) == (True, {"type": "integer"})
    assert described("given_numbers")["stream"] is True
    assert described("whole")["stream"] is False


def test_schemas_say_what_json_has_no_word_for():
    exact = described("exact")["parameters"]["properties"]

    assert exact["price"]["x-python"] == "Decimal"
    assert (exact["data"]["x-python"], exact["token"]["format"]) == ("bytes", "uuid")
    assert described("response")["returns"] == {"x-python": "Response"}
    assert described("pairs")["returns"]["x-python-keys"] == {"type": "integer"}
    assert described("pairs")["returns"]["additionalProperties"]["x-python"] == "tuple"


def test_every_field_of_a_returned_model_is_present_and_of_a_taken_one_may_be_left_out():
    (returned,) = described("users")["returns"]["$defs"].values()
    taken = described("take")["parameters"]["$defs"]["User"]

    assert returned["required"] == ["name", "born"]
    assert taken["required"] == ["name"]

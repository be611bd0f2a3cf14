"""From what was typed to what a method takes."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel

from client.offers.conversion import Converter
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service


class Colour(Enum):
    RED = "red"


class User(BaseModel):
    name: str
    born: dt.date | None = None
    price: Decimal = Decimal(0)


@dataclass
class Point:
    x: int


class Taking(WorkerEntrypoint):
    def take(  # noqa: PLR0917 -- a parameter for every type
        self, text: str, whole: int, number: float, maybe: str | None, either: int | str, day: dt.date,
        moment: dt.datetime, clock: dt.time, span: dt.timedelta, price: Decimal, token: UUID, data: bytes,
        colour: Colour, digit: Literal["1", "2"], pair: tuple[int, dt.date], many: set[int], users: list[User],
        keyed: dict[int, dt.date], anything: Any, point: Point, free, costs: Decimal | None,
    ): ...  # fmt: skip


DESCRIBED = Service("taking", {"Default": Taking}).describe()["Default"]["members"]["take"]["parameters"]


def converted(name: str, text: str) -> Any:
    return Converter(DESCRIBED).from_text(text, DESCRIBED["properties"][name])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "1", "1"), ("text", "null", "null"), ("text", '"1"', "1"), ("text", "{", "{"), ("text", "[1]", "[1]"),
        ("whole", "1", 1), ("whole", "one", "one"), ("number", "1", 1), ("number", "1.5", 1.5), ("maybe", "null", None),
        ("maybe", "1", "1"), ("either", "1", 1), ("either", "one", "one"), ("day", "2024-02-29", dt.date(2024, 2, 29)),
        ("day", '"2024-02-29"', dt.date(2024, 2, 29)), ("day", "tomorrow", "tomorrow"),
        ("moment", "2024-02-29T01:02:03+02:00", dt.datetime.fromisoformat("2024-02-29T01:02:03+02:00")),
        ("clock", "07:08", dt.time(7, 8)), ("span", "90", dt.timedelta(seconds=90)),
        ("span", "10m", dt.timedelta(minutes=10)),
        ("span", "PT1M", "PT1M"), ("price", "0.10", Decimal("0.10")), ("price", "much", "much"),
        ("costs", "null", None), ("costs", "1e2", Decimal("1e2")), ("token", str(UUID(int=7)), UUID(int=7)),
        ("data", "größe", "größe".encode()), ("colour", "red", "red"), ("digit", "1", "1"),
        ("pair", '[1, "2024-01-01"]', (1, dt.date(2024, 1, 1))), ("many", "[1, 2, 1]", {1, 2}), ("many", "[{}]", [{}]),
        ("users", '[{"name": "Ann", "born": "2024-01-01", "price": 0.5}]',
         [{"name": "Ann", "born": dt.date(2024, 1, 1), "price": Decimal("0.5")}]),
        ("keyed", '{"1": "2024-01-01"}', {1: dt.date(2024, 1, 1)}), ("anything", "1", 1), ("anything", "x", "x"),
        ("point", '{"x": 1}', {"x": 1}), ("free", "[1]", [1]), ("free", "NaN", "NaN"),
    ],
)  # fmt: skip
def test_words_become_what_the_method_takes(name, text, value):
    found = converted(name, text)

    assert (found, type(found)) == (value, type(value))


def test_references_that_never_end_come_to_an_end():
    document = {"$defs": {"a": {"$ref": "#/$defs/a"}, "b": {"anyOf": [{"$ref": "#/$defs/b"}]}}}

    assert Converter(document).from_text("1", {"$ref": "#/$defs/a"}) == 1
    assert Converter(document).from_text("x", {"$ref": "#/$defs/b"}) == "x"

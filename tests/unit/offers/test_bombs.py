"""Offers of a few lines that would be more than any machine holds, were they written out: nobody waits for them."""

from collections.abc import Callable
from typing import Any

import pytest

from client.command_line.candidates import candidates, read_line
from client.offers.conversion import Converter
from client.offers.faces import face_of
from client.offers.stub_file import stub_file

WIDE = 30
DEEP = 40
FIRST = {"$ref": "#/$defs/D0"}
TOO_LONG = 10**5000


def nested(schema: Callable[[list[Any]], dict[str, Any]]) -> dict[str, Any]:
    """Definitions of which each holds the next, many times over."""
    definitions = {f"D{at}": schema([{"$ref": f"#/$defs/D{at + 1}"}] * WIDE) for at in range(DEEP)}
    return {**definitions, f"D{DEEP}": {"type": "boolean"}}


UNIONS = nested(lambda inner: {"anyOf": inner})
TUPLES = nested(lambda inner: {"type": "array", "x-python": "tuple", "prefixItems": inner, "maxItems": WIDE})


def offered(schema: dict[str, Any]) -> dict[str, Any]:
    taken = {"takes": [{"name": "x", "kind": "any"}], "parameters": {**schema, "properties": {"x": FIRST}}}
    return {"Default": {"members": {"m": {**taken, "returns": {**schema, **FIRST}}}}}


@pytest.mark.parametrize("word", ["x", "[1]", "true"])
def test_a_word_is_converted_whatever_its_schema_says(word: str) -> None:
    Converter({"$defs": UNIONS}).from_text(word, FIRST)


def test_a_shell_gets_the_words_that_stand_near_the_top() -> None:
    asked = read_line(["call", "shop.m", "x="])
    near = {"D0": {"anyOf": [{"$ref": "#/$defs/D1"}] * WIDE}, "D1": {"enum": ["a", True, TOO_LONG]}}

    assert candidates(asked, [], offered({"$defs": UNIONS})) == []
    assert candidates(asked, [], offered({"$defs": near})) == ["x=a", "x=true"]


def test_what_is_too_much_of_a_type_is_any() -> None:
    written = stub_file("shop", face_of(offered({"$defs": TUPLES})))

    assert "Any," in written
    assert len(written) < 200_000


def test_a_number_that_python_does_not_write_is_an_int() -> None:
    written = stub_file("shop", face_of(offered({"$defs": {"D0": {"const": TOO_LONG}}})))

    assert "async def m(self, x: int) -> int: ..." in written


def test_thousands_of_records_with_one_title_get_a_name_each() -> None:
    members = {
        f"m{at}": {"returns": {"type": "object", "title": "Row", "properties": {f"k{at}": {"type": "string"}}}}
        for at in range(5000)
    }
    face = face_of({"Default": {"members": members}})

    assert len(face.records) == 5000
    assert {"Row", "Row2", "Row5000"} <= face.records.keys()


def test_a_name_that_was_given_back_is_given_again() -> None:
    rows = [{"type": "object", "title": "Row", "properties": {key: {"type": "string"}}} for key in "aabac"]
    face = face_of({"Default": {"members": {f"m{at}": {"returns": row} for at, row in enumerate(rows)}}})

    assert {name: [*record.fields] for name, record in face.records.items()} == {
        "Row": ["a"], "Row2": ["b"], "Row3": ["c"],
    }  # fmt: skip

"""The OpenRPC document of a service."""

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from client.offers.openrpc import openrpc_document
from tests.unit.offers.everything import EVERYTHING
from tests.unit.offers.talk import TALK
from tests.unit.offers.test_stub_file import OFFERS, offers


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def an_object(needed: list[str], /, **properties: Any) -> dict[str, Any]:
    """An object as the specification closes them: nothing but what it names, and extensions."""
    extensions: dict[str, Any] = {"^x-": True}
    return {
        "type": "object", "required": needed, "properties": properties, "patternProperties": extensions,
        "additionalProperties": False,
    }  # fmt: skip


TEXT = {"type": "string"}
NAME = {"type": "string", "minLength": 1}
SCHEMA = {"$ref": "https://json-schema.org/draft/2020-12/schema"}
DESCRIPTOR = an_object(
    ["name", "schema"], name=NAME, summary=TEXT, description=TEXT, schema=SCHEMA, required={"type": "boolean"},
    deprecated={"type": "boolean"},
)  # fmt: skip
METHOD = an_object(
    ["name", "params", "result"], name=NAME, summary=TEXT, description=TEXT, result=DESCRIPTOR,
    params={"type": "array", "items": DESCRIPTOR}, paramStructure={"enum": ["by-name", "by-position", "either"]},
    deprecated={"type": "boolean"},
)  # fmt: skip
METHODS = {"type": "array", "items": METHOD}
DOCUMENT = Draft202012Validator(
    an_object(
        ["openrpc", "info", "methods"],
        openrpc={"const": "1.3.2"},
        info=an_object(["title", "version"], title=TEXT, description=TEXT, version=TEXT),
        methods=METHODS,
        components=an_object([], schemas={"type": "object", "additionalProperties": SCHEMA}),
    )
    | {
        "patternProperties": {
            # Ours: what the methods of objects look like is no business of the specification's.
            "^x-targets$": {"additionalProperties": an_object(["methods"], description=TEXT, methods=METHODS)},
        }
    }
)
"""The rules of OpenRPC 1.3.2 for what of it these documents have; they know no other keys."""


def check_structure(document: dict[str, Any]) -> None:
    """What the specification of OpenRPC 1.3.2 demands of a document."""
    assert [f"{error.json_path}: {error.message}" for error in DOCUMENT.iter_errors(document)] == []
    for methods in (document["methods"], *(each["methods"] for each in document.get("x-targets", {}).values())):
        names = [method["name"] for method in methods]
        assert len(names) == len(set(names))
        for method in methods:
            params = method["params"]
            assert len({param["name"] for param in params}) == len(params)
            required = [param["required"] for param in params]
            assert required == sorted(required, reverse=True)
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


@pytest.mark.parametrize("offered", [OFFERS, TALK, EVERYTHING], ids=["shop", "talk", "everything"])
def test_the_document_is_one_by_the_specification(offered):
    check_structure(json.loads(json.dumps(openrpc_document("shop", offered))))


def test_the_rules_find_what_is_wrong():
    document = openrpc_document("shop", OFFERS)
    document["methods"][0] |= {"kind": "method", "result": {"name": "", "schema": {"type": "integre"}}}

    assert {error.json_path for error in DOCUMENT.iter_errors(document)} == {
        "$.methods[0]", "$.methods[0].result.name", "$.methods[0].result.schema.type",
    }  # fmt: skip


def test_methods_properties_and_streams_are_there_with_their_parameters_and_results():
    methods = {method["name"]: method for method in openrpc_document("shop", OFFERS)["methods"]}

    add = methods["add"]
    assert (add["summary"], add["description"]) == ("Adds.", "Adds.\n\nBoth are whole numbers.")
    assert [(param["name"], param["required"]) for param in add["params"]] == [("a", True), ("b", False)]
    assert add["result"]["schema"] == {"type": "integer"}
    assert methods["version"]["x-kind"] == "property"
    assert methods["numbers"]["x-stream"] is True
    assert "Admin.pair" in methods
    assert {param["name"]: param.get("x-rest", param.get("x-named")) for param in methods["save"]["params"]}["rest"]


def test_definitions_that_differ_under_one_name_are_both_there():
    schemas = openrpc_document("shop", OFFERS)["components"]["schemas"]

    assert {"User", "User2"} <= schemas.keys()
    assert schemas["User"] != schemas["User2"]


@given(offers)
def test_hostile_offers_make_no_broken_document(offered):
    document = openrpc_document("shop", offered)

    names = [method["name"] for method in document["methods"]]
    assert len(names) == len(set(names))
    for method in document["methods"]:
        assert len({param["name"] for param in method["params"]}) == len(method["params"])

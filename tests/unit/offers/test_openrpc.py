"""The OpenRPC document of a service."""

import json
from typing import Any

from hypothesis import given
from jsonschema import Draft202012Validator

from client.offers.openrpc import openrpc_document
from tests.unit.offers.test_stub_file import OFFERS, offers


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        here = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return here + [found for item in value.values() for found in references(item)]
    return [found for item in value for found in references(item)] if isinstance(value, list) else []


def check_structure(document: dict[str, Any]) -> None:
    """What the specification of OpenRPC 1.3.2 demands of a document."""
    assert document["openrpc"] == "1.3.2"
    assert {"title", "version"} <= document["info"].keys()
    assert all(isinstance(document["info"][key], str) for key in ("title", "version"))
    names = [method["name"] for method in document["methods"]]
    assert len(names) == len(set(names))
    for method in document["methods"]:
        assert method["paramStructure"] in ("by-name", "by-position", "either")
        params = method["params"]
        assert len({param["name"] for param in params}) == len(params)
        required = [param["required"] for param in params]
        assert required == sorted(required, reverse=True)
        for described in [*params, method["result"]]:
            assert described["name"]
            Draft202012Validator.check_schema(described["schema"])
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_the_document_is_one_by_the_specification():
    check_structure(json.loads(json.dumps(openrpc_document("shop", OFFERS))))


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

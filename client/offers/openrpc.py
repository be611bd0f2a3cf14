"""What a service offers as an OpenRPC document, for tools that know nothing of Callyard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final, cast

from client.offers.reading import entrypoints_of, mapping, members_of, sequence, text

OPENRPC: Final = "1.3.2"
_DEFINITIONS: Final = "#/$defs/"
_COMPONENTS: Final = "#/components/schemas/"
_COMPONENT_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def openrpc_document(service: str, offers: Mapping[str, Any]) -> dict[str, Any]:
    """The document: a method for each method and each property, named as command lines name them without the service.

    Properties have the extension `x-kind`, streams `x-stream`, and of those the result is one item.
    """
    schemas: dict[str, Any] = {}
    listed = dict(entrypoints_of(offers))
    methods = [method for name, offer in listed.items() for method in _methods(name, offer, schemas)]
    first: Mapping[str, Any] = next(iter(listed.values()), mapping(None))
    info = {"title": service, "version": text(first.get("version")) or text(first.get("digest")) or "0"}
    if doc := text(first.get("doc")):
        info["description"] = doc
    return {"openrpc": OPENRPC, "info": info, "methods": methods, "components": {"schemas": schemas}}


def _methods(entrypoint: str, offer: Mapping[str, Any], schemas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    prefix = "" if entrypoint == "Default" else f"{entrypoint}."
    for name, described in members_of(offer):
        method: dict[str, Any] = {"name": f"{prefix}{name}"}
        doc = text(described.get("doc"))
        if doc:
            method |= {"summary": doc.partition("\n")[0], "description": doc}
        method |= {"paramStructure": "either", "params": _params(described, schemas)}
        method["result"] = {"name": "result", "schema": _shared(mapping(described.get("returns")), schemas)}
        if described.get("kind") == "property":
            method["x-kind"] = "property"
        if described.get("stream") is True:
            method["x-stream"] = True
        yield method


def _params(described: Mapping[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    document = mapping(described.get("parameters"))
    shared = mapping(_shared(document, schemas))
    known = mapping(shared.get("properties"))
    found: list[dict[str, Any]] = []
    for taken in map(mapping, sequence(described.get("takes"))):
        name, kind = text(taken.get("name")), taken.get("kind")
        if not name or any(each["name"] == name for each in found):
            continue
        param: dict[str, Any] = {"name": name, "schema": known.get(name, {})}
        if kind == "rest":
            items = _shared(mapping(described.get("rest")), schemas)
            param |= {"schema": {"type": "array", "items": items}, "x-rest": True}
        elif kind == "named":
            param |= {"schema": {"type": "object", **_additional(shared)}, "x-named": True}
        param["required"] = taken.get("optional") is not True
        found.append(param)
    # OpenRPC wants what is required first; what is left out by position is given by name.
    return sorted(found, key=lambda param: not param["required"])


def _additional(document: Mapping[str, Any]) -> dict[str, Any]:
    more = document.get("additionalProperties")
    return {"additionalProperties": more} if isinstance(more, dict) else {}


def _shared(document: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """*document* with its definitions among *schemas*; one that differs from its namesake gets another name."""
    definitions = mapping(document.get("$defs"))
    rest = {key: value for key, value in document.items() if key != "$defs"}
    for number in count(1):
        suffix = "" if number == 1 else str(number)
        names = {name: f"{_COMPONENT_NAME.sub('_', name) or '_'}{suffix}" for name in definitions}
        wanted = {names[name]: _pointed(definition, names) for name, definition in definitions.items()}
        if all(schemas.get(name, definition) == definition for name, definition in wanted.items()):
            schemas.update(wanted)
            return _pointed(rest, names)
    raise AssertionError("there is always another number")


def _pointed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        found = {key: _pointed(item, names) for key, item in mapping(value).items()}  # pyright: ignore[reportUnknownArgumentType]
        reference = found.get("$ref")
        if isinstance(reference, str):
            name = reference.removeprefix(_DEFINITIONS)
            return {**found, "$ref": f"{_COMPONENTS}{names[name]}"} if name in names else {}
        return found
    if isinstance(value, list | tuple):
        return [_pointed(item, names) for item in sequence(cast("object", value))]
    return value

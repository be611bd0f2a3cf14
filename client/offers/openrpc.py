"""What a service offers as an OpenRPC document, for tools that know nothing of Callyard."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final, cast

from client.offers.reading import entrypoints_of, mapping, members_of, sequence, text
from client.offers.targets import Claims, Names, Target, targets_of

OPENRPC: Final = "1.3.2"
_DEFINITIONS: Final = "#/$defs/"
_COMPONENTS: Final = "#/components/schemas/"
_COMPONENT_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")


def openrpc_document(service: str, offers: Mapping[str, Any]) -> dict[str, Any]:
    """The document: a method for each method and each property, named as command lines name them without the service.

    Properties have the extension `x-kind`, streams `x-stream`, and of those the result is one item. The document's own
    extension `x-targets` has the classes of objects that travel by reference, to which `x-target` in a schema refers.
    """
    schemas: dict[str, Any] = {}
    listed = dict(entrypoints_of(offers))
    names, targets = targets_of(offers, Claims().claim)
    methods = [
        method
        for name, offer in listed.items()
        for method in _methods(
            "" if name == "Default" else f"{name}.", members_of(offer), _Shared(schemas, names[name])
        )
    ]
    first: Mapping[str, Any] = next(iter(listed.values()), mapping(None))
    info = {"title": service, "version": text(first.get("version")) or text(first.get("digest")) or "0"}
    if doc := text(first.get("doc")):
        info["description"] = doc
    objects = {target.name: _object(target, schemas) for target in targets}
    document = {"openrpc": OPENRPC, "info": info, "methods": methods, "components": {"schemas": schemas}}
    return document | ({"x-targets": objects} if objects else {})


def _object(target: Target, schemas: dict[str, Any]) -> dict[str, Any]:
    members = members_of(target.described, target=True)
    methods = list(_methods("", members, _Shared(schemas, target.names)))
    doc = text(target.described.get("doc"))
    return {"description": doc, "methods": methods} if doc else {"methods": methods}


def _methods(
    prefix: str, members: Iterable[tuple[str, Mapping[str, Any]]], shared: _Shared
) -> Iterator[dict[str, Any]]:
    for name, described in members:
        method: dict[str, Any] = {"name": f"{prefix}{name}"}
        doc = text(described.get("doc"))
        if doc:
            method |= {"summary": doc.partition("\n")[0], "description": doc}
        method |= {"paramStructure": "either", "params": _params(described, shared)}
        method["result"] = {"name": "result", "schema": shared.schema(described.get("returns"))}
        if described.get("kind") == "property":
            method["x-kind"] = "property"
        if described.get("stream") is True:
            method["x-stream"] = True
        yield method


def _params(described: Mapping[str, Any], shared: _Shared) -> list[dict[str, Any]]:
    document = shared.schema(described.get("parameters"))
    known = mapping(document.get("properties"))
    found: list[dict[str, Any]] = []
    for taken in map(mapping, sequence(described.get("takes"))):
        name, kind = text(taken.get("name")), taken.get("kind")
        if not name or any(each["name"] == name for each in found):
            continue
        param: dict[str, Any] = {"name": name, "schema": known.get(name, {})}
        if kind == "rest":
            items = shared.schema(described.get("rest"))
            param |= {"schema": {"type": "array", "items": items}, "x-rest": True}
        elif kind == "named":
            param |= {"schema": {"type": "object", **_additional(document)}, "x-named": True}
        param["required"] = taken.get("optional") is not True
        found.append(param)
    # OpenRPC wants what is required first; what is left out by position is given by name.
    return sorted(found, key=lambda param: not param["required"])


def _additional(document: Mapping[str, Any]) -> dict[str, Any]:
    more = document.get("additionalProperties")
    return {"additionalProperties": more} if isinstance(more, dict) else {}


class _Shared:
    """The schemas of a whole document, and the names in it of the classes of objects that one entrypoint names."""

    def __init__(self, schemas: dict[str, Any], targets: Names) -> None:
        self._schemas = schemas
        self._targets = targets

    def schema(self, described: object) -> dict[str, Any]:
        """A schema with its definitions among the shared ones; one that differs from its namesake gets another name."""
        document = mapping(described)
        definitions = mapping(document.get("$defs"))
        rest = {key: value for key, value in document.items() if key != "$defs"}
        for number in count(1):
            suffix = "" if number == 1 else str(number)
            names = {name: f"{_COMPONENT_NAME.sub('_', name) or '_'}{suffix}" for name in definitions}
            wanted = {names[name]: self._pointed(definition, names) for name, definition in definitions.items()}
            if all(self._schemas.get(name, definition) == definition for name, definition in wanted.items()):
                self._schemas.update(wanted)
                return self._pointed(rest, names)
        raise AssertionError("there is always another number")

    def _pointed(self, value: Any, names: Mapping[str, str]) -> Any:
        if isinstance(value, dict):
            if "$defs" in value:
                # A part of a function is a document of its own.
                return self.schema(cast("object", value))
            found = {key: self._pointed(item, names) for key, item in mapping(cast("object", value)).items()}
            if isinstance(target := found.get("x-target"), str):
                return {**found, "x-target": self._targets[target]} if target in self._targets else {}
            if isinstance(reference := found.get("$ref"), str):
                name = reference.removeprefix(_DEFINITIONS)
                return {**found, "$ref": f"{_COMPONENTS}{names[name]}"} if name in names else {}
            return found
        if isinstance(value, list | tuple):
            return [self._pointed(item, names) for item in sequence(cast("object", value))]
        return value

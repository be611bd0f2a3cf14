"""From what live workers offer to the face of their service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast, get_args

from client.offers.face import (
    ANYTHING,
    EntrypointFace,
    Face,
    Member,
    Parameter,
    ParameterKind,
    Type,
)
from client.offers.reading import entrypoints_of, is_name, mapping, members_of, sequence, text
from client.offers.schemas import Records, SchemaReader
from client.offers.spelling import SPELLED

_ORDER: Final = {kind: at for at, kind in enumerate(get_args(ParameterKind))}


def face_of(offers: Mapping[str, Any]) -> Face:
    """The face of a service whose workers offer *offers*; what of them makes no sense is left out."""
    entrypoints = dict(entrypoints_of(offers))
    records = Records([*SPELLED, *entrypoints])
    # What methods return has the first right to a name, what they take the second.
    results = {name: _results(offer, records) for name, offer in entrypoints.items()}
    faces = {name: _entrypoint(name, offer, results[name], records) for name, offer in entrypoints.items()}
    return Face(faces, records.found)


def _results(offer: Mapping[str, Any], records: Records) -> dict[str, Type]:
    found: dict[str, Type] = {}
    for name, described in members_of(offer):
        returns = mapping(described.get("returns"))
        found[name] = SchemaReader(records, returns, f"{name}_result").read(returns)
    return found


def _entrypoint(name: str, offer: Mapping[str, Any], results: Mapping[str, Type], records: Records) -> EntrypointFace:
    members = {each: _member(each, described, results[each], records) for each, described in members_of(offer)}
    return EntrypointFace(name, members, fetch=offer.get("fetch") is True, doc=text(offer.get("doc")))


def _member(name: str, described: Mapping[str, Any], result: Type, records: Records) -> Member:
    doc = text(described.get("doc"))
    if described.get("kind") == "property":
        return Member(name, "property", (), result, doc)
    kind = "stream" if described.get("stream") is True else "method"
    return Member(name, kind, _parameters(name, described, records), result, doc)


def _parameters(method: str, described: Mapping[str, Any], records: Records) -> tuple[Parameter, ...]:
    if "takes" not in described:
        return ANYTHING
    document = mapping(described.get("parameters"))
    schemas = mapping(document.get("properties"))
    found: list[Parameter] = []
    for taken in map(mapping, sequence(described["takes"])):
        name, kind = taken.get("name"), taken.get("kind")
        if not isinstance(name, str) or not isinstance(kind, str) or kind not in _ORDER:
            return ANYTHING
        schema, of = schemas.get(name), document
        if kind == "rest":
            schema = of = mapping(described.get("rest"))
        elif kind == "named":
            schema = document.get("additionalProperties")
        reader = SchemaReader(records, of, f"{method}_{name}", taken=True)
        read = reader.read(cast("object", schema))
        found.append(Parameter(name, cast("ParameterKind", kind), read, taken.get("optional") is True))
    return tuple(found) if _is_signature(found) else ANYTHING


def _is_signature(parameters: list[Parameter]) -> bool:
    """Whether Python would take these names in this order."""
    names = [parameter.name for parameter in parameters]
    kinds = [_ORDER[parameter.kind] for parameter in parameters]
    in_order = [parameter.optional for parameter in parameters if parameter.kind in ("positional", "any")]
    once = all(sum(p.kind == kind for p in parameters) <= 1 for kind in ("rest", "named"))
    clear = all(is_name(name) and not name.startswith("__") for name in names)
    return clear and once and kinds == sorted(kinds) and in_order == sorted(in_order) and len(names) == len(set(names))

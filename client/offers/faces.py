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
from client.offers.reading import entrypoints_of, functions_in, is_name, mapping, members_of, sequence, text
from client.offers.schemas import Records, SchemaReader
from client.offers.spelling import SPELLED
from client.offers.targets import Names, targets_of

_ORDER: Final = {kind: at for at, kind in enumerate(get_args(ParameterKind))}


def face_of(offers: Mapping[str, Any]) -> Face:
    """The face of a service whose workers offer *offers*; what of them makes no sense is left out."""
    entrypoints = dict(entrypoints_of(offers))
    records = Records(SPELLED, entrypoints)
    names, targets = targets_of(offers, records.claim)
    # What methods return has the first right to a name, what they take the second.
    classes = [_Class(name, offer, names[name], records) for name, offer in entrypoints.items()]
    objects = [_Class(name, described, meant, records, target=True) for name, described, meant in targets]
    faces = {each.name: each.face() for each in classes}
    return Face(faces, records.found, {each.name: each.face() for each in objects})


class _Class:
    """An entrypoint or a class of objects, read in two steps: first what its members give, then what they take."""

    def __init__(
        self, name: str, offer: Mapping[str, Any], targets: Names, records: Records, *, target: bool = False
    ) -> None:
        self.name = name
        self._offer = offer
        self._targets = targets
        self._records = records
        self._members = dict(members_of(offer, target=target))
        self._fetch = not target and offer.get("fetch") is True
        self._results = {name: self._result(name, described) for name, described in self._members.items()}
        self._read_given()

    def face(self) -> EntrypointFace:
        """The whole of it."""
        members = {
            name: _member(name, described, self._results[name], self._records, self._targets)
            for name, described in self._members.items()
        }
        return EntrypointFace(self.name, members, fetch=self._fetch, doc=text(self._offer.get("doc")))

    def _read_given(self) -> None:
        """What functions of callers are given is complete too, and has the first right likewise."""
        for name, described in self._members.items():
            for function in functions_in(described.get("parameters")):
                for document in map(mapping, sequence(function.get("takes"))):
                    SchemaReader(self._records, document, f"{name}_given", targets=self._targets).read(document)

    def _result(self, name: str, described: Mapping[str, Any]) -> Type:
        returns = mapping(described.get("returns"))
        return SchemaReader(self._records, returns, f"{name}_result", targets=self._targets).read(returns)


def _member(name: str, described: Mapping[str, Any], result: Type, records: Records, targets: Names) -> Member:
    doc = text(described.get("doc"))
    if described.get("kind") == "property":
        result = Type("AsyncIterator", (result,)) if described.get("stream") is True else result
        return Member(name, "property", (), result, doc)
    kind = "stream" if described.get("stream") is True else "method"
    return Member(name, kind, _parameters(name, described, records, targets), result, doc)


def _parameters(method: str, described: Mapping[str, Any], records: Records, targets: Names) -> tuple[Parameter, ...]:
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
        reader = SchemaReader(records, of, f"{method}_{name}", targets=targets, taken=True)
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

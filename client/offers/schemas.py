"""From the JSON schemas of the registry to types; `x-python` says what JSON has no word for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from client.offers.face import ANY, NONE, Field, Record, Scalar, Type, union
from client.offers.reading import is_name, mapping, sequence, text

_DEEPEST: Final = 40
_LARGEST: Final = 1000
"""Types that one type may consist of; nobody would read more, and a few definitions could ask for any number."""
_MOST_BITS: Final = 128
_FORMATS: Final = {
    "binary": "bytes", "base64url": "bytes", "date": "date", "date-time": "datetime", "decimal": "Decimal",
    "duration": "timedelta", "time": "time", "uuid": "UUID", "uuid1": "UUID", "uuid3": "UUID", "uuid4": "UUID",
    "uuid5": "UUID", "uuid6": "UUID", "uuid7": "UUID", "uuid8": "UUID",
}  # fmt: skip
_PLAIN: Final = {"integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_PYTHON: Final = frozenset({"Decimal", "Headers", "Request", "Response", "bytes"})
_TWIN: Final = "Input"
_REFERENCE: Final = "#/$defs/"


class Records:
    """The records that types speak of, each under a name of its own; equal ones share it."""

    def __init__(self, taken: Iterable[str], entrypoints: Iterable[str] = ()) -> None:
        self._taken: Final = {name.casefold() for name in (*taken, *entrypoints)}
        self.entrypoints: Final = frozenset(entrypoints) - frozenset(taken)
        """What can be spoken of by its own name."""
        self._numbers: dict[str, int] = {}
        self._found: dict[str, Record] = {}
        self._shapes: dict[object, str] = {}

    @property
    def found(self) -> dict[str, Record]:
        """All of them by name, in the order found."""
        return self._found

    def claim(self, wanted: str, twin: str = "") -> str:
        """A name like *wanted* that nothing else has; where it is taken, first with *twin* behind it."""
        name = "".join(part[:1].upper() + part[1:] for part in re.findall(r"[A-Za-z0-9]+", wanted))[:80]
        name = name if is_name(name) else f"Record{name}"
        free = name
        if twin and free.casefold() in self._taken:
            free = name = f"{name}{twin}"
        number = self._numbers.get(name.casefold(), 1)
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}{number}"
        # Nobody shall count again from the start for each of thousands that have one title.
        self._numbers[name.casefold()] = number
        self._taken.add(free.casefold())
        return free

    def release(self, name: str) -> None:
        """Give a claimed name back."""
        self._taken.discard(name.casefold())
        base = name.casefold().rstrip("0123456789")
        number = name[len(base) :]
        if number and self._numbers.get(base, 0) >= int(number):
            self._numbers[base] = int(number) - 1

    def keep(self, record: Record) -> str:
        """The name under which *record* is known from now on: that of the very same one, if there is any."""
        known = self._shapes.setdefault(_shape(record), record.name)
        if known == record.name:
            self._found[known] = record
        else:
            self.release(record.name)
        return known


class SchemaReader:
    """Reads one schema document: a schema with the definitions that it refers to.

    *targets* are the names of the classes of objects. Records that have no title are called *fallback*, and those that
    are *taken* by methods, where others return the same with more keys present, `…Input`.
    """

    def __init__(
        self,
        records: Records,
        document: Mapping[str, Any],
        fallback: str,
        *,
        targets: Mapping[str, str],
        taken: bool = False,
    ) -> None:
        self._records = records
        self._targets = targets
        self._taken = taken
        self._definitions = mapping(document.get("$defs"))
        self._fallback = fallback
        self._known: dict[str, Type] = {}

    def read(self, schema: object, depth: int = 0) -> Type:
        """The type that *schema* describes; `Any` where it says nothing that types can say, or far too much."""
        found = self._read(schema, depth)
        return found if found.size <= _LARGEST else ANY

    def _read(self, schema: object, depth: int) -> Type:
        given = mapping(schema)
        if depth > _DEEPEST:
            return ANY
        python = given.get("x-python")
        if isinstance(python, str) and python in _PYTHON:
            return Type(python)
        if (reference := self._by_reference(given, depth)) is not None:
            return reference
        if isinstance(reference := given.get("$ref"), str):
            return self._referred(reference, depth)
        for key in ("anyOf", "oneOf"):
            if variants := sequence(given.get(key)):
                return union([self.read(variant, depth + 1) for variant in variants])
        if len(parts := sequence(given.get("allOf"))) == 1:
            return self.read(parts[0], depth + 1)
        if "const" in given or "enum" in given:
            return _literal([given["const"]] if "const" in given else sequence(given.get("enum")))
        return self._by_type(given, depth)

    def _by_reference(self, given: Mapping[str, Any], depth: int) -> Type | None:
        python, target = given.get("x-python"), given.get("x-target")
        if isinstance(target, str) and target in self._targets:
            # What callers give is a stub that they got, or an object of their own.
            return union([Type(self._targets[target]), *([Type("RpcTarget")] if self._taken else [])])
        entrypoint = given.get("x-entrypoint")
        if isinstance(entrypoint, str) and entrypoint in self._records.entrypoints:
            return Type(entrypoint)
        if python == "stream":
            items = self.read(given.get("items"), depth + 1)
            return Type("AsyncIterable" if self._taken else "AsyncIterator", (items,))
        if python == "function":
            return self._function(given, depth)
        return Type("RpcStub") if python == "RpcStub" and not self._taken else None

    def _function(self, given: Mapping[str, Any], depth: int) -> Type:
        returns = self._part(given.get("returns"), depth, taken=self._taken)
        waiting = Type("Awaitable", (returns,))
        # A function that callers give may be either; one that they get is somewhere else.
        returns = union([returns, waiting]) if self._taken else waiting
        if "takes" not in given:
            return Type("Callable", (returns, Type("...")))
        # What one side gives the other takes.
        takes = tuple(self._part(each, depth, taken=not self._taken) for each in sequence(given["takes"]))
        return Type("Callable", (returns, *takes))

    def _part(self, document: object, depth: int, *, taken: bool) -> Type:
        """What a function takes or gives: a document of its own."""
        given = mapping(document)
        reader = SchemaReader(self._records, given, self._fallback, targets=self._targets, taken=taken)
        return reader.read(given, depth + 1)

    def _by_type(self, given: Mapping[str, Any], depth: int) -> Type:
        kind = given.get("type")
        if kinds := sequence(kind):
            return union([self._by_type({**given, "type": each}, depth + 1) for each in kinds if isinstance(each, str)])
        if kind == "string":
            name = given.get("format")
            return Type(_FORMATS.get(name, "str") if isinstance(name, str) else "str")
        if kind == "array":
            return self._array(given, depth)
        if kind == "object":
            return self._object(given, depth)
        return Type(_PLAIN[kind]) if isinstance(kind, str) and kind in _PLAIN else ANY

    def _array(self, given: Mapping[str, Any], depth: int) -> Type:
        first = sequence(given.get("prefixItems"))
        item = self.read(given.get("items"), depth + 1)
        if given.get("x-python") == "tuple" or first:
            if not first and given.get("maxItems") != 0:
                return Type("tuple", (item, Type("...")))
            if len(first) == given.get("maxItems"):
                return Type("tuple", tuple(self.read(each, depth + 1) for each in first)) if first else Type("tuple")
            return Type("tuple", (ANY, Type("...")))
        if given.get("x-python") == "frozenset":
            return Type("frozenset", (item,))
        return Type("set" if given.get("uniqueItems") is True else "list", (item,))

    def _object(self, given: Mapping[str, Any], depth: int) -> Type:
        if "properties" in given:
            return self._record(given, text(given.get("title")) or self._fallback, depth)
        keys = self.read(given["x-python-keys"], depth + 1) if "x-python-keys" in given else Type("str")
        more = given.get("additionalProperties")
        return Type("dict", (keys, self.read(more, depth + 1)))

    def _referred(self, reference: str, depth: int) -> Type:
        name = reference.removeprefix(_REFERENCE)
        if name in self._known:
            return self._known[name]
        if not reference.startswith(_REFERENCE) or name not in self._definitions:
            return ANY
        definition = mapping(self._definitions[name])
        if definition.get("type") == "object" and "properties" in definition:
            return self._record(definition, text(definition.get("title")) or name, depth, reference=name)
        # Anything else that refers to itself has no name to do it by.
        self._known[name] = ANY
        self._known[name] = self.read(definition, depth + 1)
        return self._known[name]

    def _record(self, given: Mapping[str, Any], title: str, depth: int, reference: str | None = None) -> Type:
        name = self._records.claim(title, _TWIN if self._taken else "")
        if reference is not None:
            self._known[reference] = Type(name)
        required = {key for key in sequence(given.get("required")) if isinstance(key, str)}
        fields = {
            key: Field(self.read(schema, depth + 1), key in required)
            for key, schema in mapping(given.get("properties")).items()
        }
        twin = self._taken and name.endswith(_TWIN)
        record = Record(name, fields, text(given.get("description")), twin)
        known = self._records.keep(record)
        if reference is not None:
            self._known[reference] = Type(known)
        return Type(known)


def _literal(values: Iterable[object]) -> Type:
    scalars: list[Scalar] = []
    for value in values:
        if value is not None and not isinstance(value, str | int):
            return ANY
        scalars.append(value)
    if any(isinstance(value, int) and value.bit_length() > _MOST_BITS for value in scalars):
        return Type("int") if all(type(value) is int for value in scalars) else ANY
    if any(isinstance(value, str) and not value.isprintable() for value in scalars):
        return Type("str") if all(isinstance(value, str) for value in scalars) else ANY
    rest = [value for value in scalars if value is not None]
    named = [Type("Literal", values=tuple(rest))] if rest else []
    return union([*named, NONE] if len(rest) < len(scalars) else named)


def _shape(record: Record) -> frozenset[tuple[str, Field]]:
    """What two records have in common that are the same but for their names, by which they may refer to themselves."""

    def nameless(given: Type) -> Type:
        name = "" if given.name == record.name else given.name
        return Type(name, tuple(nameless(argument) for argument in given.arguments), given.values)

    return frozenset((key, Field(nameless(field.type), field.required)) for key, field in record.fields.items())

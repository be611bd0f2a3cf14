"""From what was typed to what a method takes, by the schema that it publishes. Pure.

What fits no schema is left as it was typed: whether it will do is for the callee to say, which knows more.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn, cast
from uuid import UUID

from client.offers.reading import mapping, sequence

_REFERENCE: Final = "#/$defs/"
_DEEPEST: Final = 16
"""References and unions that are followed at most, one into the other."""
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|)")
_KINDS: Final[Mapping[type, str]] = {
    float: "number", str: "string", list: "array", dict: "object", type(None): "null",
}  # fmt: skip
_UNITS: Final = {"ms": "milliseconds", "": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def read_json(text: str) -> Any:
    """*text* as JSON, without the `NaN` and `Infinity` that Python's reader adds.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_not_json)


class Converter:
    """Converts by the schemas of one document, which holds the definitions that they refer to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._definitions = mapping(document.get("$defs"))

    def from_text(self, text: str, schema: object) -> Any:
        """What *text* means where *schema* is wanted: text itself where that will do, else JSON.

        Raises:
            RecursionError: it is JSON that is nested too deeply.
        """
        leaves = list(self._leaves(schema))
        try:
            value = read_json(text)
        except ValueError:
            value = text
        if any(leaf.get("x-python") == "Decimal" for leaf in leaves) and not isinstance(value, str):
            # Not by way of a float, which would have other digits.
            return value if value is None or isinstance(value, bool) else _decimal(text)
        for leaf in leaves:
            if not isinstance(value, str) and _accepts(leaf, value):
                return self._shaped(value, leaf)
        for leaf in leaves:
            if _is_textual(leaf):
                return self._shaped(value if isinstance(value, str) else text, leaf)
        return value

    def _from_value(self, value: Any, schema: object) -> Any:
        for leaf in self._leaves(schema):
            if _accepts(leaf, value):
                return self._shaped(value, leaf)
        return value

    def _leaves(self, schema: object, depth: int = 0, followed: set[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """The alternatives of *schema*, each without a reference or a union at its top, and each once."""
        given, followed = mapping(schema), set[str]() if followed is None else followed
        if depth > _DEEPEST or not given:
            return
        reference = given.get("$ref")
        if isinstance(reference, str):
            if reference not in followed:
                # A second time it says nothing new, and unions of unions would come to more than a machine can hold.
                followed.add(reference)
                definition = self._definitions.get(reference.removeprefix(_REFERENCE))
                yield from self._leaves(definition, depth + 1, followed)
            return
        if given.get("x-python") == "Decimal":
            yield given
            return
        variants = [*sequence(given.get("anyOf")), *sequence(given.get("oneOf")), *sequence(given.get("allOf"))]
        for variant in variants:
            yield from self._leaves(variant, depth + 1, followed)
        if kinds := sequence(given.get("type")):
            variants = [{**given, "type": kind} for kind in kinds]
            yield from variants
        if not variants:
            yield given

    def _shaped(self, value: Any, leaf: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            return value if "enum" in leaf or "const" in leaf else _from_format(value, leaf)
        if isinstance(value, list):
            return self._shaped_list(cast("list[Any]", value), leaf)
        if isinstance(value, dict):
            return self._shaped_dict(cast("dict[str, Any]", value), leaf)
        if leaf.get("x-python") == "Decimal" and value is not None:
            return _decimal(str(value))
        return value

    def _shaped_list(self, value: list[Any], leaf: Mapping[str, Any]) -> Any:
        first, rest = sequence(leaf.get("prefixItems")), leaf.get("items")
        items = [self._from_value(item, first[at] if at < len(first) else rest) for at, item in enumerate(value)]
        python = leaf.get("x-python")
        try:
            if python == "tuple":
                return tuple(items)
            if python == "frozenset":
                return frozenset(items)
            return set(items) if leaf.get("uniqueItems") is True else items
        except TypeError:
            # A dict, say, in a set: the callee will tell.
            return items

    def _shaped_dict(self, value: dict[str, Any], leaf: Mapping[str, Any]) -> dict[Any, Any]:
        known, more = mapping(leaf.get("properties")), leaf.get("additionalProperties")
        keys = leaf.get("x-python-keys")
        shaped: dict[Any, Any] = {}
        for key, item in value.items():
            try:
                shaped[self.from_text(key, keys) if keys else key] = self._from_value(item, known.get(key, more))
            except TypeError:
                shaped[key] = item
        return shaped


def _accepts(leaf: Mapping[str, Any], value: Any) -> bool:
    """Whether *value*, out of JSON, is of the kind that *leaf* describes."""
    if "enum" in leaf or "const" in leaf:
        options = sequence(leaf.get("enum")) or [leaf.get("const")]
        return any(type(option) is type(value) and option == value for option in options)
    if leaf.get("x-python") == "Decimal":
        return isinstance(value, int | float | str) and not isinstance(value, bool)
    kind = leaf.get("type")
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int):
        return kind in ("integer", "number")
    return kind == _KINDS.get(value.__class__)


def _is_textual(leaf: Mapping[str, Any]) -> bool:
    options = [*sequence(leaf.get("enum")), leaf.get("const")]
    return leaf.get("type") == "string" or leaf.get("x-python") == "Decimal" or any(isinstance(o, str) for o in options)


def _from_format(text: str, leaf: Mapping[str, Any]) -> Any:
    python, form = leaf.get("x-python"), leaf.get("format")
    read = _READERS.get(python if isinstance(python, str) else form if isinstance(form, str) else "")
    if read is None:
        return text
    try:
        return read(text)
    except (ValueError, OverflowError):
        return text


def _decimal(text: str) -> Any:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _span(text: str) -> Any:
    match = _SPAN.fullmatch(text)
    return dt.timedelta(**{_UNITS[match[2]]: float(match[1])}) if match else text


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "Decimal": _decimal,
    "bytes": str.encode,
    "date": dt.date.fromisoformat,
    "date-time": dt.datetime.fromisoformat,
    "time": dt.time.fromisoformat,
    "duration": _span,
    **dict.fromkeys(("uuid", "uuid1", "uuid3", "uuid4", "uuid5", "uuid6", "uuid7", "uuid8"), UUID),
}


def _not_json(name: str) -> NoReturn:
    raise ValueError(name)

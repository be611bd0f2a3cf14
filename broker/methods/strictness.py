"""Strict checks: no text for a number, no list for a tuple, but models, dataclasses and enums out of plain data.

pydantic's own strict mode would refuse the latter. Inside a model or dataclass its own configuration decides.
The values of enums and literals are taken as they are: neither True nor "1" is the 1 of an enum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic_core import PydanticKnownError, SchemaValidator, core_schema

_STRICT: Final = frozenset(
    {
        "bool", "bytes", "complex", "date", "datetime", "decimal", "dict", "float", "frozenset", "int", "list", "set",
        "str", "time", "timedelta", "tuple", "url", "uuid",
    }
)  # fmt: skip
_LEFT_ALONE: Final = frozenset({"model", "dataclass"})
_LISTED: Final = {"enum": "members", "literal": "expected"}
_DATA: Final = frozenset({"default", "metadata", "serialization"})


def strict_validator(adapter: TypeAdapter[Any]) -> SchemaValidator:
    """What checks as *adapter* does, and takes nothing that would have to be converted."""
    return SchemaValidator(_strict(adapter.core_schema))


def _strict(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_strict(item) for item in cast("list[Any]", node))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not isinstance(node, dict):
        return node
    schema = cast("dict[str, Any]", node)
    kind = schema.get("type")
    if isinstance(kind, str) and kind in _LEFT_ALONE:
        return schema
    if isinstance(kind, str) and kind in _LISTED:
        return core_schema.no_info_before_validator_function(_of_kind(schema[_LISTED[kind]]), cast("Any", schema))
    inner = {key: value if key in _DATA else _strict(value) for key, value in schema.items()}
    return {"strict": True, **inner} if isinstance(kind, str) and kind in _STRICT else inner


def _of_kind(listed: Sequence[Any]) -> Callable[[Any], Any]:
    """A check that refuses what is equal to one of *listed*, or could be read as one, and has another type."""
    values = [each.value if isinstance(each, Enum) else each for each in listed]
    kinds = {*map(type, values), *map(type, listed)}
    *first, last = map(repr, values)
    expected = f"{', '.join(first)} or {last}" if first else last

    def check(value: Any) -> Any:
        if type(value) not in kinds:
            raise PydanticKnownError("enum", {"expected": expected})
        return value

    return check

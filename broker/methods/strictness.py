"""Strict checks: no text for a number, no list for a tuple, but models, dataclasses and enums out of plain data.

pydantic's own strict mode would refuse the latter. Inside a model or dataclass its own configuration decides.
"""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

_STRICT: Final = frozenset(
    {
        "bool", "bytes", "complex", "date", "datetime", "decimal", "dict", "float", "frozenset", "int", "list", "set",
        "str", "time", "timedelta", "tuple", "url", "uuid",
    }
)  # fmt: skip
_LEFT_ALONE: Final = frozenset({"model", "dataclass", "enum", "literal"})
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
    inner = {key: value if key in _DATA else _strict(value) for key, value in schema.items()}
    return {"strict": True, **inner} if isinstance(kind, str) and kind in _STRICT else inner

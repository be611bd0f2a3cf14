"""What a value contains, and how deep that is nested."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, cast

from broker.values import Extension, Extensions, Unsupported, substitute

DEEPEST: Final = 64
"""Most containers inside one another."""

CONTAINERS: Final = frozenset({list, dict, tuple, set, frozenset})
SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes, bytearray, memoryview})

extensions: Final = cache(Extensions)
"""How values travel that msgpack does not have."""


def extension_of(value: Any) -> Extension | None:
    """How *value* travels, if msgpack does not have its type and we do."""
    by_type = extensions().by_type
    extension = by_type.get(cast("type[Any]", type(value)))
    if extension is None and isinstance(value, BaseException):
        return by_type[BaseException]
    return extension


def _children(value: Any) -> list[Any]:
    """What *value* contains; what stands for it on the wire counts."""
    if type(value) not in CONTAINERS:
        try:
            value = value if extension_of(value) else substitute(value)
        except Unsupported:  # it was packed, so it is a reference, which contains nothing
            return []
    if type(value) is dict:
        items = cast("dict[Any, Any]", value)
        return [*items, *items.values()]
    if type(value) in CONTAINERS:
        return list(value)
    return [] if extension_of(value) or type(value) in SCALARS else [value]


def is_too_deep(value: Any) -> bool:
    """Whether more than `DEEPEST` containers stand inside one another."""
    layer = [value]
    for _ in range(DEEPEST):
        layer = [child for parent in layer if type(parent) not in SCALARS for child in _children(parent)]
        if not layer:
            return False
    return any(type(item) in CONTAINERS or bool(_children(item)) for item in layer if type(item) not in SCALARS)

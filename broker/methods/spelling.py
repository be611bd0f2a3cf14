"""Types as people write them: the names alone, without modules, wrappers and constraints."""

from __future__ import annotations

import inspect
import typing
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, cast


def spell_type(annotation: Any) -> str:
    """*annotation* in a line; what constrains it stands in the schema."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, list):
        return f"[{', '.join(map(spell_type, cast('list[Any]', annotation)))}]"
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return spell_type(arguments[0])
    if origin in (Union, UnionType):
        # None comes last, as people write it.
        return " | ".join(map(spell_type, sorted(arguments, key=lambda each: each is type(None))))
    if origin is Literal:
        return f"Literal[{', '.join(map(spell_value, arguments))}]"
    if origin is not None:
        return f"{_name(annotation, origin)}[{', '.join(map(spell_type, arguments)) or '()'}]"
    return _name(annotation, annotation)


def spell_value(value: Any) -> str:
    """*value* as it is written in code."""
    return f"{type(value).__name__}.{value.name}" if isinstance(value, Enum) else repr(value)


def _name(annotation: Any, origin: Any) -> str:
    named = getattr(origin, "__name__", None) or getattr(annotation, "_name", None)
    return str(named) if named else inspect.formatannotation(annotation)

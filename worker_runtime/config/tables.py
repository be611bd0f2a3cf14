"""Plain values as TOML and JSON give them: narrowing their types and showing them in messages."""

import json
import math
from collections.abc import Iterator
from typing import cast

_SHOWN_CHARACTERS = 120


def as_table(value: object) -> dict[str, object] | None:
    """Return `value` as a table, or None when it is something else."""
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def as_list(value: object) -> list[object] | None:
    """Return `value` as a list, or None when it is something else."""
    return cast("list[object]", value) if isinstance(value, list) else None


def shown(value: object) -> str:
    """Return `value` as JSON for a message, shortened where it is long."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def not_json(value: object, key: str) -> Iterator[tuple[str, str]]:
    """Yield the key and the nature of every part of `value` that JSON cannot express, such as a TOML date."""
    if (table := as_table(value)) is not None:
        for name, part in table.items():
            yield from not_json(part, f"{key}.{name}")
    elif (items := as_list(value)) is not None:
        for index, part in enumerate(items):
            yield from not_json(part, f"{key}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield key, str(value)
    elif not (value is None or isinstance(value, (str, int, float))):
        yield key, f"a {type(value).__name__}"

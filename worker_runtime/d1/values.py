"""Values on their way into a database and out of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from worker_runtime.d1.errors import D1Error

Scalar = str | int | float | bytes | None
"""What a database stores."""

_LONGEST_SHOWN: Final = 200
_INT_LIMIT: Final = 1 << 63


def stored(value: object) -> Scalar:
    """Return what is stored for *value*.

    Text, numbers and None stay what they are, booleans become 0 and 1; bytes, and lists whose
    items are all whole numbers from 0 to 255, become a BLOB.

    Raises:
        D1Error: A database stores nothing of the kind.
    """
    if value is None or type(value) in (str, int, float):
        plain = cast("str | int | float | None", value)
    elif isinstance(value, bool):
        plain = int(value)
    elif isinstance(value, str):
        plain = str.__str__(value)
    elif isinstance(value, int):
        plain = int(value)
    elif isinstance(value, float):
        plain = float(value)
    else:
        return _blob(value)
    if isinstance(plain, int) and not -_INT_LIMIT <= plain < _INT_LIMIT:
        raise _unsupported(value)
    if isinstance(plain, str) and not plain.isascii() and _has_surrogates(plain):
        raise _unsupported(value)
    return plain


def given_row(row: Sequence[Any]) -> list[Any]:
    """Return a stored row as a caller gets it: a BLOB is a list of its bytes as numbers."""
    return [list(value) if type(value) is bytes else value for value in row]


def _blob(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)) or _are_bytes(value):
        return bytes(cast("bytes", value))
    raise _unsupported(value)


def _are_bytes(value: object) -> bool:
    if not isinstance(value, (list, tuple)):
        return False
    return all(type(item) is int and 0 <= item < 256 for item in cast("Sequence[object]", value))


def _has_surrogates(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _unsupported(value: object) -> D1Error:
    try:
        shown = ascii(value) if isinstance(value, str) else str(value)
    except Exception:
        shown = "…"
    if len(shown) > _LONGEST_SHOWN:
        shown = shown[: _LONGEST_SHOWN - 1] + "…"
    return D1Error(f"Type '{type(value).__name__}' not supported for value '{shown}'", "D1_TYPE_ERROR")

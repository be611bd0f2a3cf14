"""Values to bytes and back. The only module that knows msgpack.

`pack`/`unpack` are for heads of messages: plain types, written by us. `encode`/`decode` are for
what users pass: every value arrives as what it was, or is refused with the path to it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, cast

import msgpack

from broker.errors import DataCloneError, PayloadTooLarge, ProtocolError
from broker.values import Extension, Extensions, Unsupported, substitute

DEEPEST: Final = 64
"""Most containers inside one another."""

DEFAULT_LIMIT: Final = 1 << 20
"""Bytes of a message where nothing says otherwise."""

HARD_LIMIT: Final = 32 << 20
"""Bytes of a message at most: decoding may take seventy-five times its size in memory."""

_CONTAINERS: Final = frozenset({list, dict, tuple, set, frozenset})


def pack(value: object) -> bytes:
    """*value*, made of plain types only, as bytes."""
    return msgpack.packb(value)  # pyright: ignore[reportReturnType] -- never None without a buffer


def unpack(data: bytes) -> Any:
    """The plain value in *data*.

    Raises:
        ProtocolError: it is none, or holds an extension.
    """
    try:
        return msgpack.unpackb(data, ext_hook=_refuse_extension, strict_map_key=False)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"The message cannot be read: {type(error).__name__}.") from error


def encode(value: object, *, limit: int = DEFAULT_LIMIT) -> bytes:
    """*value* as bytes.

    Raises:
        DataCloneError: something in it cannot cross, or it is nested too deeply; the message
            has the path to it.
        PayloadTooLarge: the bytes would be more than *limit*.
    """
    try:
        data = _pack_value(value)
    except (Unsupported, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise _explain(value, error) from error
    if len(data) > limit:
        raise PayloadTooLarge(
            f"The value takes {len(data)} bytes; a message may have {limit}. "
            "Raise max_message_bytes on both sides (32 MiB at most), or pass a reference to the data."
        )
    if len(data) > DEEPEST and _too_deep(value):
        raise _too_deep_error()
    return data


def decode(data: bytes, *, limit: int = DEFAULT_LIMIT) -> Any:
    """The value in *data*.

    Raises:
        PayloadTooLarge: *data* has more than *limit* bytes; nothing was decoded.
        ProtocolError: whatever else is wrong with it.
    """
    if len(data) > limit:
        raise PayloadTooLarge(f"The message has {len(data)} bytes; this side takes {limit} (max_message_bytes).")
    try:
        value = _unpack_value(data)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"The value cannot be read: {type(error).__name__}.") from error
    if len(data) > DEEPEST and _too_deep(value):
        raise ProtocolError(f"The value is nested more than {DEEPEST} levels deep.")
    return value


_extensions = cache(Extensions)


def _pack_value(value: object) -> bytes:
    return msgpack.packb(value, default=_extend, strict_types=True)  # pyright: ignore[reportReturnType]


def _unpack_value(data: bytes) -> Any:
    return msgpack.unpackb(data, ext_hook=_construct, strict_map_key=False)


def _extend(value: Any) -> Any:
    extension = _extension_of(value)
    if extension is None:
        return substitute(value)
    return msgpack.ExtType(extension.code, _pack_value(extension.dump(value)))


def _extension_of(value: Any) -> Extension | None:
    by_type = _extensions().by_type
    extension = by_type.get(cast("type", type(value)))
    if extension is None and isinstance(value, BaseException):
        return by_type[BaseException]
    return extension


def _construct(code: int, data: bytes) -> Any:
    extension = _extensions().by_code.get(code)
    if extension is None:
        raise ProtocolError(f"The message holds an extension of unknown code {code}.")
    return extension.load(_unpack_value(data))


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise ProtocolError(f"The head of a message holds an extension ({code}).")


def _children(value: Any) -> Any:
    return (*value.keys(), *value.values()) if type(value) is dict else value


def _too_deep(value: Any) -> bool:
    layer = [value] if type(value) in _CONTAINERS else []
    for _ in range(DEEPEST):
        layer = [child for container in layer for child in _children(container) if type(child) in _CONTAINERS]
        if not layer:
            return False
    return True


def _too_deep_error() -> DataCloneError:
    return DataCloneError(f"Could not serialize the value: it is nested more than {DEEPEST} levels deep.")


def _explain(value: object, error: Exception) -> DataCloneError:
    try:
        found = _find(value, "", [])
    except RecursionError:
        found = None
    return found or DataCloneError(f"Could not serialize the value: {error}.")


def _find(value: Any, path: str, above: list[int]) -> DataCloneError | None:
    """The reason why *value* cannot cross, with the path to the part that cannot."""
    if id(value) in above:
        return DataCloneError(f"Could not serialize the value at {path or 'the top'}: it contains itself.")
    if len(above) >= DEEPEST:
        return _too_deep_error()
    if type(value) in _CONTAINERS:
        return _find_inside(value, path, [*above, id(value)])
    try:
        inner = substitute(value) if _substituted(value) else value
        if inner is not value:
            return _find(inner, path, [*above, id(value)])
        _pack_value(value)
    except Unsupported as error:
        return _refusal(value, path, str(error))
    except UnicodeEncodeError:
        return _refusal(value, path, "It holds a lone surrogate, which is no character.")
    except (ValueError, TypeError, OverflowError) as error:
        return _refusal(value, path, str(error))
    return None


def _substituted(value: Any) -> bool:
    plain = value is None or type(value) in (bool, int, float, str, bytes, bytearray, memoryview)
    return not plain and _extension_of(value) is None


def _find_inside(value: Any, path: str, above: list[int]) -> DataCloneError | None:
    parts: list[tuple[str, Any]]
    if type(value) is dict:
        parts = [(f"a key of {path or 'the top'}", key) for key in cast("dict[Any, Any]", value)]
        parts += [(f"{path}[{key!r:.40}]", item) for key, item in cast("dict[Any, Any]", value).items()]
    else:
        parts = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    for place, item in parts:
        found = _find(item, place, above)
        if found is not None:
            return found
    return None


def _refusal(value: Any, path: str, why: str) -> DataCloneError:
    place = f" It stands at {path}." if path else ""
    return DataCloneError(
        f'Could not serialize object of type "{type(value).__name__}". '
        f"This type does not support serialization.{place} {why}"
    )

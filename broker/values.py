"""Which Python values may cross, and what stands for them on the wire. Pure; no msgpack here.

A value that msgpack does not have travels as an array: first an empty extension that has its code, then what stands
for it, itself made of values. The codes are normative (`docs/protocol.md` section 4); a peer names a code,
never a type, so it can make us construct nothing but what is listed here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import inspect
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast
from uuid import UUID


class Extension(NamedTuple):
    """How one type crosses: `dump` gives a list of values, `load` takes that list back."""

    code: int
    type: type
    dump: Callable[[Any], list[Any]]
    load: Callable[[list[Any]], Any]


class Unsupported(Exception):
    """Raised when a value cannot cross."""


REQUEST: Final = 13
RESPONSE: Final = 14

_LONGEST_INT: Final = 8192
"""Bytes of an int: some 19,700 digits."""

_MOST_COLLISIONS: Final = 1000


def _dump_int(value: int) -> list[Any]:
    if value.bit_length() >= _LONGEST_INT * 8:
        raise Unsupported(f"An int may take {_LONGEST_INT} bytes.")
    return [value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)]


def _load_int(wire: list[Any]) -> int:
    (data,) = wire
    if type(data) is not bytes or len(data) > _LONGEST_INT:
        raise ValueError("not an int")
    return int.from_bytes(data, "big", signed=True)


def _refuse_collisions(keys: Sequence[Any]) -> None:
    """Hashes of numbers are no secret: a peer could choose many that are equal, and a table of them takes for ever."""
    if len(keys) > _MOST_COLLISIONS and len(keys) - len(set(map(hash, keys))) > _MOST_COLLISIONS:
        raise ValueError("too many keys of the same hash")


def load_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """The dict of these pairs.

    Raises:
        ValueError: keys are repeated, or chosen to collide.
    """
    _refuse_collisions([key for key, _ in pairs])
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a dict with repeated keys")
    return value


def _load_set(wire: list[Any]) -> set[Any]:
    _refuse_collisions(wire)
    value = set(wire)
    if len(value) != len(wire):
        raise ValueError("a set with repeated members")
    return value


def _load_frozenset(wire: list[Any]) -> frozenset[Any]:
    return frozenset(_load_set(wire))


def _dump_datetime(value: dt.datetime) -> list[Any]:
    _refuse_odd_zone(value.tzinfo, value.utcoffset())
    return [value.isoformat(), value.fold]


def _load_datetime(wire: list[Any]) -> dt.datetime:
    text, fold = wire
    return dt.datetime.fromisoformat(text).replace(fold=fold)


def _dump_time(value: dt.time) -> list[Any]:
    _refuse_odd_zone(value.tzinfo, value.utcoffset())
    return [value.isoformat(), value.fold]


def _load_time(wire: list[Any]) -> dt.time:
    text, fold = wire
    return dt.time.fromisoformat(text).replace(fold=fold)


def _refuse_odd_zone(zone: dt.tzinfo | None, offset: dt.timedelta | None) -> None:
    if zone is not None and offset is None:
        raise Unsupported("Its time zone has no fixed offset here, so it would arrive without one.")
    if offset is not None and offset.microseconds:
        raise Unsupported("Its offset has a fraction of a second, which not every reader of ISO 8601 keeps.")


def _dump_timedelta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _load_timedelta(wire: list[Any]) -> dt.timedelta:
    days, seconds, microseconds = wire
    return dt.timedelta(days, seconds, microseconds)


def _dump_decimal(value: Decimal) -> list[Any]:
    return [str(value)]


def _load_decimal(wire: list[Any]) -> Decimal:
    (text,) = wire
    if type(text) is not str:
        raise TypeError("not a Decimal")
    return Decimal(text)


def _dump_date(value: dt.date) -> list[Any]:
    return [value.isoformat()]


def _load_date(wire: list[Any]) -> dt.date:
    (text,) = wire
    return dt.date.fromisoformat(text)


def _dump_uuid(value: UUID) -> list[Any]:
    return [value.bytes]


def _load_uuid(wire: list[Any]) -> UUID:
    (data,) = wire
    return UUID(bytes=data)


def _extension_types() -> tuple[Extension, ...]:
    from broker import failures, http
    from broker.http.blob import dump_blob, load_blob

    return (
        Extension(1, tuple, list, tuple),
        Extension(2, set, list, _load_set),
        Extension(3, frozenset, list, _load_frozenset),
        Extension(4, int, _dump_int, _load_int),
        Extension(5, dt.datetime, _dump_datetime, _load_datetime),
        Extension(6, dt.date, _dump_date, _load_date),
        Extension(7, dt.time, _dump_time, _load_time),
        Extension(8, dt.timedelta, _dump_timedelta, _load_timedelta),
        Extension(9, Decimal, _dump_decimal, _load_decimal),
        Extension(10, UUID, _dump_uuid, _load_uuid),
        Extension(11, BaseException, failures.dump, failures.load),
        Extension(12, http.Headers, http.Headers.dump, http.Headers.load),
        Extension(REQUEST, http.Request, http.Request.dump, http.Request.load),
        Extension(RESPONSE, http.Response, http.Response.dump, http.Response.load),
        Extension(21, http.Blob, dump_blob, load_blob),
        Extension(22, http.File, dump_blob, load_blob),
        Extension(23, http.FormData, http.FormData.dump, http.FormData.load),
    )


class Extensions:
    """The table of extensions, by type and by code; built at first use."""

    def __init__(self) -> None:
        known = _extension_types()
        self.by_code: Final[Mapping[int, Extension]] = {extension.code: extension for extension in known}
        self.by_type: Final[Mapping[type, Extension]] = {extension.type: extension for extension in known}


_BUILT_IN: Final = (
    dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float,
    dt.date, dt.time, dt.timedelta, Decimal, UUID,
)  # fmt: skip
_SUBSTITUTES: Final = "Convert it first: dict(), list(), tuple() or str() of it travels."


def substitute(value: Any) -> Any:
    """What travels in place of *value*: an enum's value, the fields of a dataclass or model as a dict.

    Raises:
        Unsupported: nothing does.
    """
    kind = cast("Any", type(value))
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, _BUILT_IN):
        if getattr(kind, "__callyard_plain__", False):
            # Ours, and no more than what it is made from.
            return dict(cast("Any", value)) if isinstance(value, dict) else list(cast("list[Any]", value))
        raise Unsupported(f"It is a subclass of a built-in and would arrive as something else. {_SUBSTITUTES}")
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(getattr(kind, "__pydantic_fields__", None), dict):
        return _substitute_model(value, kind)
    raise Unsupported(_advice(value))


def _substitute_model(value: Any, kind: Any) -> Any:
    if getattr(kind, "__pydantic_root_model__", False):
        return value.root
    fields: dict[str, Any] = {name: getattr(value, name) for name in kind.__pydantic_fields__}
    extra: dict[str, Any] = getattr(value, "__pydantic_extra__", None) or {}
    return fields | extra


def _advice(value: object) -> str:
    if inspect.isawaitable(value):
        return "Await it first, and pass what it gives."
    if isinstance(value, type):
        return "Classes do not travel: pass an instance's data, or a name."
    if callable(value):
        return "Functions and callable objects do not travel: pass data."
    return "Pass plain data, a dataclass or a pydantic model instead."

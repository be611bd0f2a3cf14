"""Which Python values may cross, and what stands for them on the wire. Pure; no msgpack here.

A value that msgpack does not have travels as an extension: a code and what stands for it, itself
made of plain values. The codes are normative (`docs/protocol.md` section 4); a peer names a code,
never a type, so it can make us construct nothing but what is listed here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple, cast
from uuid import UUID


class Extension(NamedTuple):
    """How one type crosses: `dump` gives plain values, `load` takes them back."""

    code: int
    type: type
    dump: Callable[[Any], Any]
    load: Callable[[Any], Any]


class Unsupported(Exception):
    """Raised when a value cannot cross."""


def _dump_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "big", signed=True)


def _load_int(wire: bytes) -> int:
    return int.from_bytes(wire, "big", signed=True)


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
        raise Unsupported("its time zone has no fixed offset here, so it would arrive without one")


def _dump_timedelta(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _load_timedelta(wire: list[int]) -> dt.timedelta:
    days, seconds, microseconds = wire
    return dt.timedelta(days, seconds, microseconds)


def _dump_uuid(value: UUID) -> bytes:
    return value.bytes


def _load_uuid(wire: bytes) -> UUID:
    return UUID(bytes=wire)


def _extension_types() -> tuple[Extension, ...]:
    from broker import failures, http

    return (
        Extension(1, tuple, list, tuple),
        Extension(2, set, list, set),
        Extension(3, frozenset, list, frozenset),
        Extension(4, int, _dump_int, _load_int),
        Extension(5, dt.datetime, _dump_datetime, _load_datetime),
        Extension(6, dt.date, dt.date.isoformat, dt.date.fromisoformat),
        Extension(7, dt.time, _dump_time, _load_time),
        Extension(8, dt.timedelta, _dump_timedelta, _load_timedelta),
        Extension(9, Decimal, str, Decimal),
        Extension(10, UUID, _dump_uuid, _load_uuid),
        Extension(11, BaseException, failures.dump, failures.load),
        Extension(12, http.Headers, http.Headers.dump, http.Headers.load),
        Extension(13, http.Request, http.Request.dump, http.Request.load),
        Extension(14, http.Response, http.Response.dump, http.Response.load),
    )


class Extensions:
    """The table of extensions, by type and by code; built at first use."""

    def __init__(self) -> None:
        known = _extension_types()
        self.by_code: Final[Mapping[int, Extension]] = {extension.code: extension for extension in known}
        self.by_type: Final[Mapping[type, Extension]] = {extension.type: extension for extension in known}


_SUBSTITUTES: Final = "Convert it first: dict(), list(), tuple() or str() of it travels."


def substitute(value: Any) -> Any:
    """What travels in place of *value*: an enum's value, the fields of a dataclass or model as a dict.

    Raises:
        Unsupported: nothing does.
    """
    kind: Any = cast("Any", type(value))
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(kind):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    fields = getattr(kind, "__pydantic_fields__", None)
    if isinstance(fields, dict):
        return {name: getattr(value, name) for name in cast("dict[str, Any]", fields)}
    if isinstance(value, (dict, list, tuple, set, frozenset, str, bytes, int, float)):
        raise Unsupported(f"it is a subclass of a built-in and would arrive as something else. {_SUBSTITUTES}")
    raise Unsupported("Pass plain data, a dataclass or a pydantic model instead.")

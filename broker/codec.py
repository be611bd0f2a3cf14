"""Values to bytes and back. The only module that knows msgpack.

`pack`/`unpack` are for heads of messages: plain types, written by us. `encode`/`decode` are for
what users pass: every value arrives as what it was, or is refused with the path to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import msgpack

from broker.errors import PayloadTooLarge, ProtocolError, RpcError
from broker.explaining import Parts, explain, too_deep_error
from broker.nesting import DEEPEST, SCALARS, extension_of, extensions, is_too_deep
from broker.references import CODES, Dumping, Loading, NotYet
from broker.values import load_dict, substitute

DEFAULT_LIMIT: Final = 1 << 20
"""Bytes of a message where nothing says otherwise."""

HARD_LIMIT: Final = 32 << 20
"""Bytes of a message at most: decoding may take seventy-five times its size in memory."""

_BUFFER: Final = 1024
"""Bytes that a packer begins with. Its own default is so large that malloc asks the kernel for it every time."""

_LARGEST_BUFFER: Final = 65_536
"""Bytes that a packer may hold on to for its next value."""

_PEEKED: Final = 512
"""Bytes that are looked at of a message which is too large to be read."""

_AS_FLOAT: Final = 1
"""msgpack's own timestamps, which we never write, arrive as numbers and not as objects of its library."""

_SMALLEST, _LARGEST = -(1 << 63), (1 << 64) - 1
_NATIVE: Final = SCALARS | {list, dict}


_head_packers: Final[list[Any]] = []
"""Packers that nobody uses now. One in use is not among them: a finalizer may run, and pack, in the middle of it."""


def pack(value: object) -> bytes:
    """*value*, made of plain types only, as bytes."""
    packer = _head_packers.pop() if _head_packers else msgpack.Packer(buf_size=_BUFFER)  # pyright: ignore[reportCallIssue]
    data: bytes = packer.pack(value)
    if len(data) <= _LARGEST_BUFFER:
        _head_packers.append(packer)
    return data


def unpack(data: bytes) -> Any:
    """The plain value in *data*.

    Raises:
        ProtocolError: it is none, or holds an extension.
    """
    try:
        return msgpack.unpackb(data, ext_hook=_refuse_extension, strict_map_key=False, timestamp=_AS_FLOAT)
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"The message cannot be read: {type(error).__name__}.") from error


def peek(data: bytes, count: int) -> list[Any]:
    """The first *count* elements of the array in *data*, whatever comes behind them, at little cost.

    Raises:
        ProtocolError: it is no array that begins with so many small plain values.
    """
    reader = msgpack.Unpacker(ext_hook=_refuse_extension, max_array_len=0, max_map_len=0)
    reader.feed(data[:_PEEKED])
    try:
        if reader.read_array_header() < count:
            raise ProtocolError("The message has too few elements.")
        return [reader.unpack() for _ in range(count)]
    except ProtocolError:
        raise
    except Exception as error:
        raise ProtocolError(f"The message cannot be read: {type(error).__name__}.") from error


def encode_plain(value: object, *, limit: int = DEFAULT_LIMIT) -> bytes | None:
    """*value* as bytes; None where that takes a closer look, which is `encode`: a reference, or what cannot cross."""
    try:
        data = _pack_value(value)
    except Exception:  # fields of dataclasses and time zones run the sender's code
        return None
    return data if len(data) <= DEEPEST or (len(data) <= limit and not is_too_deep(value)) else None


def encode(
    value: object,
    *,
    limit: int = DEFAULT_LIMIT,
    parts: Callable[[], Parts] | None = None,
    references: Dumping | None = None,
) -> bytes:
    """*value* as bytes. *parts* says what users call the parts of it; it is asked only when one cannot cross.

    Without *references* a value that would travel as one cannot cross.

    Raises:
        DataCloneError: something in it cannot cross, or it is nested too deeply; the message
            has the path to it.
        PayloadTooLarge: the bytes would be more than *limit*.
        RpcError: what *references* raises.
    """
    try:
        data = _pack_value(value) if references is None else _pack_with(references, value)
        too_deep = len(data) > DEEPEST and is_too_deep(value)
    except (RpcError, NotYet):
        raise
    except Exception as error:  # fields of dataclasses and time zones run the sender's code
        raise explain(parts() if parts else [("", value)], error, references, _pack_value) from error
    if len(data) > limit:
        raise PayloadTooLarge(
            f"The value takes {len(data)} bytes; a message may have {limit}. "
            "Raise max_message_bytes on both sides (32 MiB at most), or pass a reference to the data."
        )
    if too_deep:
        raise too_deep_error()
    return data


def decode(data: bytes, *, limit: int = DEFAULT_LIMIT, references: Loading | None = None) -> Any:
    """The value in *data*; *references* says what those in it stand for.

    Raises:
        PayloadTooLarge: *data* has more than *limit* bytes; nothing was decoded.
        ProtocolError: whatever else is wrong with it.
    """
    if len(data) > limit:
        raise PayloadTooLarge(f"The message has {len(data)} bytes; this side takes {limit} (max_message_bytes).")
    try:
        value = _unpack_value(data, references)
    except Exception as error:
        raise ProtocolError(f"The value cannot be read: {error!s:.200} ({type(error).__name__}).") from error
    if len(data) > DEEPEST and is_too_deep(value):
        raise ProtocolError(f"The value is nested more than {DEEPEST} levels deep.")
    return value


class _Mark:
    """The first element of an array that stands for a value which msgpack does not have."""

    __slots__ = ("load", "wire")

    def __init__(self, code: int, load: Callable[[list[Any]], Any]) -> None:
        self.load = load
        self.wire = msgpack.ExtType(code, b"")


@cache
def _marks() -> dict[int, _Mark]:
    return {code: _Mark(code, extension.load) for code, extension in extensions().by_code.items()}


_TUPLE: Final = msgpack.ExtType(1, b"")


def _pack_value(value: object) -> bytes:
    packer = _value_packers.pop() if _value_packers else _value_packer()
    # One that raised is not used again: it may hold the beginning of a value.
    data: bytes = packer.pack(value)
    if len(data) <= _LARGEST_BUFFER:
        _value_packers.append(packer)
    return data


def _value_packer() -> Any:
    return msgpack.Packer(default=_extend, strict_types=True, buf_size=_BUFFER)  # pyright: ignore[reportCallIssue]


_value_packers: Final[list[Any]] = []


def _pack_with(references: Dumping, value: object) -> bytes:
    def extend(part: Any) -> Any:
        reference = None if type(part) is tuple else references.dump(part)
        if reference is None:
            return _extend(part)
        code, wire = reference
        return [msgpack.ExtType(code, b""), *wire]

    packer = msgpack.Packer(default=extend, strict_types=True, buf_size=_BUFFER)  # pyright: ignore[reportCallIssue]
    return packer.pack(value)


def _extend(value: Any) -> Any:
    if type(value) is tuple:  # in every call at least twice
        return [_TUPLE, *value]
    extension = extension_of(value)
    if extension is not None:
        return [_marks()[extension.code].wire, *extension.dump(value)]
    other = substitute(value)
    if type(other) not in _NATIVE or (type(other) is int and not _SMALLEST <= other <= _LARGEST):
        return _extend(other)
    return other


class _Reading:
    """One pass over a value. Marks are counted: each must have been the first of an array."""

    __slots__ = ("_references", "open_marks")

    def __init__(self, references: Loading | None = None) -> None:
        self.open_marks = 0
        self._references = references

    def mark(self, code: int, data: bytes) -> _Mark:
        mark = _marks().get(code)
        if mark is None and code in CODES and self._references is not None:
            mark = _Mark(code, partial(self._references.load, code))
        if mark is None or data:
            raise ProtocolError(f"The message holds an extension of unknown code {code}.")
        self.open_marks += 1
        return mark

    def array(self, items: list[Any]) -> Any:
        if items and type(items[0]) is _Mark:
            self.open_marks -= 1
            return items[0].load(items[1:])
        return items


def _unpack_value(data: bytes, references: Loading | None) -> Any:
    try:
        # What nearly every message is: plain values, which no function of ours has to look at.
        return msgpack.unpackb(data, ext_hook=_not_plain, timestamp=_AS_FLOAT)
    except Exception:
        return _unpack_marked(data, references)


def _not_plain(code: int, _data: bytes) -> Any:
    raise _NotPlain(code)


class _NotPlain(Exception):
    """Raised by a value that msgpack does not have."""


def _unpack_marked(data: bytes, references: Loading | None) -> Any:
    # Nothing re-enters the decoder: it takes 45 kB of the C stack each time, and a peer would choose how often.
    if references is None:
        reading = _Reading()
        try:
            value = msgpack.unpackb(data, ext_hook=reading.mark, list_hook=reading.array, timestamp=_AS_FLOAT)
        except Exception:
            reading = _Reading()
            value = _unpack_pairs(data, reading)
    else:
        # In one go: a reference that is loaded twice would be two.
        reading = _Reading(references)
        value = _unpack_pairs(data, reading)
    if reading.open_marks:
        raise ProtocolError("The message holds an extension where none may stand.")
    return value


def _unpack_pairs(data: bytes, reading: _Reading) -> Any:
    return msgpack.unpackb(
        data,
        ext_hook=reading.mark,
        list_hook=reading.array,
        object_pairs_hook=load_dict,
        strict_map_key=False,
        timestamp=_AS_FLOAT,
    )


def _refuse_extension(code: int, _data: bytes) -> Any:
    raise ProtocolError(f"The head of a message holds an extension ({code}).")

"""What may be a name, a value, a time of expiry: pure checks, with the messages of the original system."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final, cast

LONGEST_NAME: Final = 512
LARGEST_VALUE: Final = 25 << 20
LARGEST_METADATA: Final = 1024
SHORTEST_TTL: Final = 60
MOST_LISTED: Final = 1000
MOST_NAMES: Final = 100
"""Names in one `get`."""

_LARGEST_NUMBER: Final = 1 << 43
"""More ms than that are no exact number to Redis."""
_NAMELESS: Final = frozenset({".", ".."})


def name_bytes(verb: str, name: object) -> bytes:
    """*name* as it stands in Redis; *verb* is for the message.

    Raises:
        TypeError: it is no text, or empty, or means a folder.
        ValueError: it is too long, or no Unicode.
    """
    if not isinstance(name, str):
        raise TypeError(f"KV {verb} failed: a key name is a str, not {type(name).__name__}.")
    if not name:
        raise TypeError("Key name cannot be empty.")
    if name in _NAMELESS:
        raise TypeError(f'"{name}" is not allowed as a key name.')
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"KV {verb} failed: the key name {name!r:.60} holds half of a surrogate pair.") from None
    if len(encoded) > LONGEST_NAME:
        raise ValueError(
            f"KV {verb} failed: 414 UTF-8 encoded length of {len(encoded)} exceeds key length limit of {LONGEST_NAME}."
        )
    return encoded


def value_bytes(value: object) -> bytes:
    """*value* as it stands in Redis.

    Raises:
        TypeError: it is neither text nor bytes.
        ValueError: it is too large, or no Unicode.
    """
    if isinstance(value, str):
        try:
            data = value.encode()
        except UnicodeEncodeError:
            raise ValueError("KV PUT failed: the value holds half of a surrogate pair.") from None
    elif isinstance(value, bytes | bytearray | memoryview):
        data = bytes(cast("bytes", value))
    else:
        raise TypeError(
            f"KV put() accepts only str, bytes, bytearray and memoryview as values, not {type(value).__name__}. "
            "Use json.dumps() for anything else."
        )
    if len(data) > LARGEST_VALUE:
        raise ValueError(f"KV PUT failed: 413 Value length of {len(data)} exceeds limit of {LARGEST_VALUE}.")
    return data


def metadata_bytes(metadata: object) -> bytes:
    """*metadata* as JSON; empty where there is none.

    Raises:
        TypeError: JSON cannot say it.
        ValueError: it is too large, or not finite.
    """
    if metadata is None:
        return b""
    data = json.dumps(metadata, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    if len(data) > LARGEST_METADATA:
        raise ValueError(f"KV PUT failed: 413 Metadata length of {len(data)} exceeds limit of {LARGEST_METADATA}.")
    return data


def expiry_ms(expiration: object, ttl: object, now_ms: int) -> int | None:
    """When an entry expires, in ms since the epoch; None for never. *ttl* goes before *expiration*.

    Raises:
        TypeError: one of them is no number.
        ValueError: that would be in less than a minute.
    """
    if ttl is not None:
        seconds = _whole("expiration_ttl", ttl)
        if seconds <= 0:
            raise ValueError(
                f"KV PUT failed: 400 Invalid expiration_ttl of {seconds}. Please specify integer greater than 0."
            )
        if seconds < SHORTEST_TTL:
            raise ValueError(
                f"KV PUT failed: 400 Invalid expiration_ttl of {seconds}. "
                f"Expiration TTL must be at least {SHORTEST_TTL}."
            )
        return now_ms + seconds * 1000
    if expiration is None:
        return None
    moment = _whole("expiration", expiration)
    if moment * 1000 <= now_ms:
        raise ValueError(
            f"KV PUT failed: 400 Invalid expiration of {moment}. Please specify integer greater than the current "
            "number of seconds since the UNIX epoch."
        )
    if moment * 1000 < now_ms + SHORTEST_TTL * 1000:
        raise ValueError(
            f"KV PUT failed: 400 Invalid expiration of {moment}. Expiration times must be at least {SHORTEST_TTL} "
            "seconds in the future."
        )
    return moment * 1000


def page_size(limit: object) -> int:
    """How many names a page of a list has.

    Raises:
        TypeError: *limit* is no number.
        ValueError: it is out of range.
    """
    if limit is None:
        return MOST_LISTED
    most = _whole("key_count_limit", limit)
    if most < 1:
        raise ValueError(
            f"KV GET failed: 400 Invalid key_count_limit of {most}. Please specify an integer greater than 0."
        )
    if most > MOST_LISTED:
        raise ValueError(
            f"KV GET failed: 400 Invalid key_count_limit of {most}. Please specify an integer less than {MOST_LISTED}."
        )
    return most


def lexical_range(prefix: object, cursor: object) -> tuple[bytes, bytes]:
    """Where a list begins and ends, as ZRANGEBYLEX takes it.

    Raises:
        TypeError: one of them is no text.
        ValueError: *prefix* is too long or no Unicode, or no list gave *cursor*.
    """
    start = b"" if prefix is None or prefix == "" else name_bytes("GET", prefix)
    # No byte of UTF-8 is 255, so nothing that begins with the prefix comes after this.
    end = b"(" + start + b"\xff" if start else b"+"
    if cursor is None or cursor == "":
        return (b"[" + start if start else b"-"), end
    last = _read_cursor(cursor)
    # A cursor of a list with another prefix must not lead out of this one.
    return (b"(" + last if last >= start else b"[" + start), end


def cursor_after(name: bytes) -> str:
    """The cursor of a page that ends with *name*."""
    return base64.urlsafe_b64encode(name).decode()


def _read_cursor(cursor: object) -> bytes:
    if not isinstance(cursor, str):
        raise TypeError(f"KV GET failed: a cursor is a str, not {type(cursor).__name__}.")
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"KV GET failed: 400 Invalid cursor {cursor!r:.60}. Pass one that list() returned.") from None


def _whole(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST_NUMBER:
        raise TypeError(f"KV failed: 400 Invalid {what} of {value!r:.60}. Please specify an integer.")
    return int(value)

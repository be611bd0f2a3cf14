"""Header fields as they pass from one connection to another. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from broker.http import Headers

_HOP_BY_HOP: Final = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "trailers", "transfer-encoding", "upgrade", "expect", "http2-settings",
})  # fmt: skip


def end_to_end(headers: Headers, *, without: AbstractSet[str] = frozenset()) -> Headers:
    """The fields that are not about one connection alone, and not among *without*."""
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    dropped = _HOP_BY_HOP | named | without
    return Headers([(name, value) for name, value in headers.dump() if name not in dropped])


def as_bytes(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Names and values as they are written: Latin-1 where that is enough, else UTF-8."""
    return [(name.encode(), _encoded(value)) for name, value in headers.dump()]


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()

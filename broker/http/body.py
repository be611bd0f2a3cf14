"""The body of a request or response: whole, and read once."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias, cast

BodyInit: TypeAlias = str | bytes | bytearray | memoryview
"""What a body is made from."""

TEXT: Final = "text/plain;charset=UTF-8"


def to_bytes(body: object, owner: str) -> bytes:
    """The bytes of a body; text is encoded as UTF-8.

    Raises:
        TypeError: A body cannot be made from it.
    """
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(cast("bytes", body))
    raise TypeError(f"Unsupported type in {owner}: {type(body).__name__}")


class Body:
    """What requests and responses have in common. Reading is asynchronous, so that code stays the same for streams."""

    _content: bytes | None
    _used: bool

    @property
    def body(self) -> bytes | None:
        """The bytes without reading them, or None where there is no body."""
        return self._content

    @property
    def body_used(self) -> bool:
        """Whether the body was read."""
        return self._used

    async def bytes(self) -> bytes:
        """Read the body.

        Raises:
            OSError: It was read before.
        """
        return self._read()

    async def buffer(self) -> memoryview:
        """Read the body as a buffer.

        Raises:
            OSError: It was read before.
        """
        return memoryview(self._read())

    async def text(self) -> str:
        """Read the body as UTF-8; a byte order mark is dropped, what is not UTF-8 becomes U+FFFD.

        Raises:
            OSError: It was read before.
        """
        return self._read_text()

    def _read(self) -> bytes:
        self._require_unread()
        # A body that is not there can be read as often as one likes, as in `fetch`.
        self._used = self._content is not None
        return self._content or b""

    def _read_text(self) -> str:
        return self._read().removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")

    def _read_json(self, **options: Any) -> Any:
        return json.loads(self._read_text(), **options)

    def _require_unread(self) -> None:
        if self._used:
            raise OSError("Body already used")


def require(wire: object, *kinds: type | tuple[type, ...]) -> list[Any]:
    """`wire` as a list of exactly these types.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(wire, list):
        raise TypeError("not a list")
    items = cast("list[Any]", wire)
    if len(items) != len(kinds) or not all(isinstance(item, kind) for item, kind in zip(items, kinds, strict=True)):
        raise TypeError("not the fields of a request or response")
    return items

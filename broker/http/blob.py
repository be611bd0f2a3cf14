"""Blobs and files: bytes with a type, and with a name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from typing import Any, Final, Literal, TypeAlias, cast

BlobPart: TypeAlias = "str | bytes | bytearray | memoryview | Blob"
"""What a blob is made from; text is encoded as UTF-8."""

Endings: TypeAlias = Literal["transparent", "native"]

_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class Blob:
    """Bytes that do not change, and what type they have.

    A blob made from one blob has its type; one made from a list of parts has only the type that it is given.

    Attributes:
        content_type: Its media type in lower case; empty where there is none.

    Raises:
        TypeError: A part is neither text nor bytes nor a blob.
        ValueError: *endings* is neither "transparent" nor "native".
    """

    content_type: str

    def __init__(
        self, parts: BlobPart | Iterable[BlobPart] = (), content_type: str | None = None, endings: Endings | None = None
    ) -> None:
        if endings not in (None, "transparent", "native"):
            raise ValueError(f"Invalid endings {endings!r:.40}: use 'transparent' or 'native'.")
        single = isinstance(parts, str | bytes | bytearray | memoryview | Blob)
        listed = [parts] if single else list(parts)
        self._content = b"".join(_bytes_of(part, native=endings == "native") for part in listed)
        if content_type is None and isinstance(parts, Blob):
            content_type = parts.content_type
        self.content_type = _legal_type(content_type or "")

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self._content)

    async def text(self) -> str:
        """What it holds as UTF-8; what is not UTF-8 becomes U+FFFD."""
        return self._content.decode("utf-8", "replace")

    async def bytes(self) -> bytes:
        """What it holds."""
        return self._content

    def slice(self, start: int | None = None, end: int | None = None, content_type: str | None = None) -> Blob:
        """The bytes from *start* to before *end* as a blob of their own; negative numbers count from the end."""
        return Blob(self._content[start:end], content_type)

    def __len__(self) -> int:
        return len(self._content)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, content_type={self.content_type!r})"


class File(Blob):
    """A blob with a name.

    Attributes:
        name: The name of the file.
        last_modified: When it was last changed, in milliseconds since the epoch; the present where nothing is given.
    """

    name: str
    last_modified: int

    def __init__(
        self,
        parts: BlobPart | Iterable[BlobPart],
        filename: str,
        content_type: str | None = None,
        endings: Endings | None = None,
        last_modified: int | None = None,
    ) -> None:
        super().__init__(parts, content_type, endings)
        if not isinstance(filename, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- users may
            raise TypeError(f"The name of a file is text, not {type(filename).__name__}.")
        self.name = filename
        self.last_modified = int(time.time() * 1000) if last_modified is None else last_modified

    def __repr__(self) -> str:
        return f"File(name={self.name!r}, size={self.size}, content_type={self.content_type!r})"


def dump_blob(blob: Blob) -> list[Any]:
    """What stands for a blob on the wire: its bytes and its type; for a file also name and date."""
    wire: list[Any] = [content_of(blob), blob.content_type]
    return [*wire, blob.name, blob.last_modified] if isinstance(blob, File) else wire


def load_blob(wire: Any) -> Blob:
    """The blob or file that `dump_blob` gave.

    Raises:
        TypeError: `wire` is something else.
    """
    match wire:
        case [bytes(content), str(kind)]:
            return Blob(content, kind)
        case [bytes(content), str(kind), str(name), int(modified)]:
            return File(content, name, kind, last_modified=modified)
        case _:
            raise TypeError("not a blob")


def content_of(blob: Blob) -> bytes:
    """What *blob* holds, without waiting."""
    return blob._content  # pyright: ignore[reportPrivateUsage] -- of this module


def _bytes_of(part: object, *, native: bool) -> bytes:
    if isinstance(part, str):
        return (_LINE_END.sub(os.linesep, part) if native else part).encode()
    if isinstance(part, bytes | bytearray | memoryview):
        return bytes(cast("bytes", part))
    if isinstance(part, Blob):
        return content_of(part)
    raise TypeError(f"A blob is made from text, bytes and blobs, not {type(part).__name__}.")


def _legal_type(text: str) -> str:
    return text.lower() if text.isascii() and (text.isprintable() or not text) else ""

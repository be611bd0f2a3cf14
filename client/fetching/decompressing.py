"""Undoing the compression of a body while it comes, in pieces of bounded size."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Final

OFFERED: Final = "gzip, deflate"
"""What a request says that it takes."""
LARGEST_PIECE: Final = 65_536
"""Bytes of a piece: a few bytes may stand for gigabytes."""

_GZIP: Final = frozenset({"gzip", "x-gzip"})
_KNOWN: Final = _GZIP | {"deflate"}
_HEADER: Final = 2


def is_known(encoding: str) -> bool:
    """Whether `decompressed` undoes the content encoding *encoding*, which is one and not several."""
    return encoding.strip().lower() in _KNOWN


async def decompressed(pieces: AsyncIterable[bytes], encoding: str) -> AsyncIterator[bytes]:
    """What *pieces* hold in the content encoding *encoding*.

    Raises:
        ValueError: they are not in that encoding, or break off.
    """
    compressed = _Compressed(is_gzip=encoding.strip().lower() in _GZIP)
    async for piece in pieces:
        for plain in compressed.feed(piece):
            yield plain
    compressed.end()


class _Compressed:
    """Compressed bytes on their way in; of gzip there may be several runs, one behind the other."""

    def __init__(self, *, is_gzip: bool) -> None:
        self._is_gzip = is_gzip
        self._begun = b""
        self._inflating = zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzip else None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What *data* adds, a piece at a time."""
        while data := self._next_run(data):
            inflating, full = self._inflating, True
            assert inflating is not None
            # What has no room in one piece may be in there although nothing of the data is left.
            while full and not inflating.eof:
                try:
                    plain = inflating.decompress(data, LARGEST_PIECE)
                except zlib.error as error:
                    raise ValueError(f"its compression is broken: {error}") from error
                full = len(plain) == LARGEST_PIECE
                data = inflating.unconsumed_tail
                if plain:
                    yield plain
            data = inflating.unused_data

    def end(self) -> None:
        """Nothing more comes.

        Raises:
            ValueError: that is too soon.
        """
        if self._begun and (self._inflating is None or not self._inflating.eof):
            raise ValueError("its compression breaks off")

    def _next_run(self, data: bytes) -> bytes:
        """What of *data* is to be inflated, with all that was kept; whatever stands behind the end is nothing."""
        if self._inflating is None:
            data, self._begun = self._begun + data, self._begun + data
            if len(data) >= _HEADER:
                # Some sites leave out the header.
                has_header = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:_HEADER], "big") % 31 == 0
                self._inflating = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
            return data if self._inflating else b""
        if self._inflating.eof:
            data = data.lstrip(b"\0") if self._is_gzip else b""
            if data:
                self._inflating = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = self._begun or data[:1]
        return data

"""What a file holds: at once, or piece by piece while it is sent."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath
from typing import Final, NamedTuple

LARGEST_WHOLE: Final = 64 << 10
"""Bytes of a file that is read at once."""

PIECE: Final = 256 << 10
"""Bytes of a piece of a larger one."""

Hasher = hashlib.blake2b


class Contents(NamedTuple):
    """What a file holds, its length, and the hash of exactly that."""

    body: bytes | Pieces
    size: int
    etag: str

    def close(self) -> None:
        """Let go of what nobody is going to read. Blocking, in the thread that made it."""
        if isinstance(self.body, Pieces):
            self.body.close()


class Pieces(AsyncIterator[bytes]):
    """A file, read in threads while it is sent; closed at its end, by `aclose()` and when it is dropped.

    The last piece is given only where all of them have the hash that they were announced with, so nobody who counts
    what arrives takes a file that changed meanwhile for the one that was asked for.
    """

    def __init__(self, file: int, place: str, etag: str, changed: Callable[[], object]) -> None:
        """Read the descriptor *file*, which is closed with this; *changed* is called where the hash is another."""
        self._file: Final = open(file, "rb")  # noqa: SIM115 -- closed with this
        self._hasher = hasher(place)
        self._etag = etag
        self._changed = changed
        self._ahead = b""

    async def __anext__(self) -> bytes:
        """The next piece.

        Raises:
            OSError: the file cannot be read, or has changed.
        """
        piece = b"" if self._file.closed else await asyncio.to_thread(self._read)
        if not piece:
            self._file.close()
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Close the file, once a piece that is being read was read. Twice is once."""
        if not self._file.closed:
            await asyncio.to_thread(self._file.close)

    def close(self) -> None:
        """Close the file, which nobody reads at the moment. Blocking; twice is once."""
        self._file.close()

    def __del__(self) -> None:
        self._file.close()

    def _read(self) -> bytes:
        piece = self._ahead or self._take()
        self._ahead = self._take()
        if piece and not self._ahead and self._hasher.hexdigest() != self._etag:
            self._changed()
            raise OSError("An asset has changed while it was sent.")
        return piece

    def _take(self) -> bytes:
        piece = self._file.read(PIECE)
        self._hasher.update(piece)
        return piece


def hasher(place: str) -> Hasher:
    """What the hash of the file at *place* is worked out with."""
    # The ending is part of it: a page and a text of the same bytes are different assets.
    return hashlib.blake2b(digest_size=16, person=PurePosixPath(place).suffix.encode("utf-8", "replace")[:16])

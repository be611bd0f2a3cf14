"""The files of a directory: finding them without ever leaving it, their hashes, their contents. Blocking."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from broker.errors import PayloadTooLarge
from worker_runtime.assets.contents import LARGEST_WHOLE, PIECE, Contents, Pieces, hasher
from worker_runtime.assets.paths import is_withheld, segments

LARGEST_FILE: Final = 25 << 20
"""Bytes of an asset."""

MOST_FILES: Final = 100_000
"""Files of a directory of assets."""

_NOT_THERE: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EMLINK, errno.ENAMETOOLONG, errno.EINVAL}
    | {errno.ENXIO, errno.EILSEQ}
)
_FRESH_NS: Final = 2_000_000_000
"""A file that was written so short a time ago may be written again without its time stamp changing."""

_Stamp = tuple[int, int, int]


class Directory:
    """A directory whose files are assets. Safe to use from several threads.

    Links are followed as long as they stay below the directory. What is found is opened name by name from the directory
    on, and no link is followed then: a link that is put there meanwhile leads nowhere.
    """

    def __init__(self, root: Path, is_ignored: Callable[[str], bool]) -> None:
        """Serve *root*, without the files that `is_ignored` names by their path in it."""
        self.root: Final = root.resolve()
        self._is_ignored = is_ignored
        self._hashes: dict[str, tuple[_Stamp, str]] = {}

    def etag_of(self, path: str) -> str | None:
        """The hash of the file at a decoded path, or None where none is served.

        Raises:
            PayloadTooLarge: The file is larger than an asset may be.
            OSError: There is a file, and it cannot be read.
        """
        with self._opened(path) as found:
            if found is None:
                return None
            file, place, status = found
            return self._known(place, status) or self._hash(file, place, status)

    def read(self, path: str) -> Contents | None:
        """The contents of the file at a decoded path, or None where none is served: what becomes a body is made here.

        A file of more than `LARGEST_WHOLE` bytes is left open, and read while it is sent.

        Raises:
            PayloadTooLarge: The file is larger than an asset may be.
            OSError: There is a file, and it cannot be read.
        """
        with self._opened(path) as found:
            if found is None:
                return None
            file, place, status = found
            if status.st_size > LARGEST_WHOLE:
                etag = self._known(place, status) or self._hash(file, place, status)
                os.lseek(file, 0, os.SEEK_SET)
                changed = partial(self._hashes.pop, place, None)
                return Contents(Pieces(os.dup(file), place, etag, changed), status.st_size, etag)
            pieces = list[bytes]()
            etag = self._hash(file, place, status, pieces)
            body = b"".join(pieces)
            return Contents(body, len(body), etag)

    def _known(self, place: str, status: os.stat_result) -> str | None:
        stamp, etag = self._hashes.get(place, (None, None))
        return etag if stamp == _stamp(status) else None

    def _hash(self, file: int, place: str, status: os.stat_result, pieces: list[bytes] | None = None) -> str:
        """The hash of an open file, which is read to its end, into *pieces* where they are wanted."""
        digest, size = hasher(place), 0
        while piece := os.read(file, PIECE):
            digest.update(piece)
            if (size := size + len(piece)) > LARGEST_FILE:
                raise _too_large(place)
            if pieces is not None:
                pieces.append(piece)
        etag = digest.hexdigest()
        if time.time_ns() - status.st_mtime_ns > _FRESH_NS and size == status.st_size:
            self._hashes[place] = _stamp(status), etag
        return etag

    @contextmanager
    def _opened(self, path: str) -> Generator[tuple[int, str, os.stat_result] | None]:
        """The open file at a decoded path, its path without links, and its status."""
        place = self._place(path)
        file = None if place is None else self._open(place)
        if place is None or file is None:
            yield None
            return
        try:
            status = os.fstat(file)
            if status.st_size > LARGEST_FILE:
                raise _too_large(place)
            yield (file, place, status) if stat.S_ISREG(status.st_mode) else None
        finally:
            os.close(file)

    def _place(self, path: str) -> str | None:
        names = segments(path)
        if names is None or self._is_hidden(names):
            return None
        try:
            real = os.path.realpath(self.root.joinpath(*names))
        except (OSError, ValueError):
            return None
        if not real.startswith(f"{self.root}{os.sep}".replace("//", "/")):
            return None
        place = os.path.relpath(real, self.root)
        return None if self._is_hidden(PurePosixPath(place).parts) else place

    def _is_hidden(self, names: tuple[str, ...]) -> bool:
        return is_withheld(names) or self._is_ignored("/".join(names))

    def _open(self, place: str) -> int | None:
        *folders, name = PurePosixPath(place).parts
        at = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for folder in folders:
                below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
                os.close(at)
                at = below
            # Without O_NONBLOCK opening a pipe would wait for somebody to write into it.
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in _NOT_THERE:
                raise
            return None
        finally:
            os.close(at)


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _too_large(place: str) -> PayloadTooLarge:
    return PayloadTooLarge(f"The asset {place!r:.200} has more than {LARGEST_FILE >> 20} MiB.")

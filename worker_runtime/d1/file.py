"""A database as a file of SQLite: one thread that writes, a few that read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker_runtime.d1.connection import Connection, Stopped
from worker_runtime.d1.errors import refused
from worker_runtime.d1.query import Query, Shaped, all_read
from worker_runtime.d1.result import Rows
from worker_runtime.d1.threads import in_thread

READERS: Final = 8
"""Reads of one database that run at the same time in one process."""


class DatabaseFile:
    """The file of one database, as this process uses it.

    Its writes queue up for one thread, so that they never compete with each other; with those of
    other processes they take turns. Reads see the last committed state and wait for no write.
    """

    def __init__(self, path: Path, database_id: str) -> None:
        """Describe the database at *path*; nothing is opened before it is used."""
        self.path: Final = path
        self.database_id: Final = database_id
        self._writing: Final = ThreadPoolExecutor(1, f"d1-write-{database_id:.20}")
        self._reading: Final = ThreadPoolExecutor(READERS, f"d1-read-{database_id:.20}")
        self._lock: Final = threading.Lock()
        self._writer: Connection | None = None
        self._idle: list[Connection] = []

    async def run(self, queries: Sequence[Query], shape: Callable[[Sequence[Rows]], Shaped]) -> Shaped:
        """Run *queries* as one transaction; see `Store.run`."""
        if all_read(queries):
            return await in_thread(self._reading, lambda stopped: shape(self._read(queries, stopped)))
        return await in_thread(self._writing, lambda stopped: shape(self._write(queries, stopped)))

    async def dump(self) -> bytes:
        """Return the whole database as a file of SQLite; see `Store.dump`."""
        return await in_thread(self._reading, self._dump)

    @contextmanager
    def writer(self) -> Generator[Connection]:
        """The connection that writes, for this thread. Blocking; the folder is made where it is missing.

        Raises:
            D1Error: The file cannot be opened.
        """
        with self._lock:
            if self._writer is None:
                self._writer = self._open(writes=True)
            yield self._writer

    def close(self) -> None:
        """Wait for what runs and close the file. Blocking."""
        self._writing.shutdown(cancel_futures=True)
        self._reading.shutdown(cancel_futures=True)
        for connection in self._idle:
            connection.close()
        self._idle = []
        # The last, so that it is the one that folds the log into the file. A migration may still be under way.
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _write(self, queries: Sequence[Query], stopped: Stopped) -> list[Rows]:
        with self.writer() as connection:
            return connection.write(queries, stopped)

    def _read(self, queries: Sequence[Query], stopped: Stopped) -> list[Rows]:
        with self._reader() as connection:
            return connection.read(queries, stopped)

    def _dump(self, _stopped: Stopped) -> bytes:
        with self._reader() as connection:
            return connection.dump()

    @contextmanager
    def _reader(self) -> Generator[Connection]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._open(writes=False)
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _open(self, *, writes: bool) -> Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not writes and self._writer is None:
                # Only a writer makes the file what it has to be.
                with self.writer():
                    pass
            return Connection(self.path, writes=writes)
        except (sqlite3.Error, OSError) as error:
            raise refused(error) from error

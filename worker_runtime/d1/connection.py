"""One connection to the file of a database, for one thread at a time: transactions, limits, and being stopped."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Generator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from worker_runtime.d1.errors import NO_STATEMENTS, D1Error, refused
from worker_runtime.d1.query import Query
from worker_runtime.d1.result import Rows
from worker_runtime.d1.sql import READING_PRAGMAS, Statement, statements

BUSY_SECONDS: Final = 30.0
"""How long a write waits for writes of other processes."""
PARAMETERS: Final = 100
"""Parameters of one statement at most, as upstream."""

LARGEST_VALUE: Final = 32 << 20
"""Bytes of a text, a BLOB or a row: as much as the largest message. Making one cannot be interrupted."""

_TRY_SECONDS: Final = 0.1
_STEPS: Final = 10_000
"""Steps of SQLite's machine between two looks at whether to stop: well under a millisecond."""
_CACHED: Final = 256
_WRITING_PRAGMAS: Final = frozenset({"DEFER_FOREIGN_KEYS", "FOREIGN_KEYS", "OPTIMIZE"})
_ASKED_PRAGMAS: Final = frozenset({"PAGE_SIZE", "SCHEMA_VERSION"})
"""Pragmas that tell, unless they get an argument."""
_CREATIONS: Final = frozenset(
    {sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_INSERT}
    | {sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_CREATE_TEMP_TABLE, sqlite3.SQLITE_CREATE_TEMP_TRIGGER}
    | {sqlite3.SQLITE_CREATE_TEMP_VIEW, sqlite3.SQLITE_CREATE_VIEW, sqlite3.SQLITE_CREATE_VTABLE}
)

Stopped = Callable[[], bool]
"""Asked whether nobody waits for the outcome any more."""


def never() -> bool:
    """Return False: what asks this is never stopped."""
    return False


class Connection:
    """A connection that writes, or one that only reads.

    Every statement runs inside a transaction of ours. The rules are enforced here, whoever sends the
    statements: no transactions of the statements' own, no file but this one, no temporary tables, which would be
    there for the next caller.
    """

    def __init__(self, path: Path, *, writes: bool) -> None:
        """Open *path*.

        Raises:
            sqlite3.Error: It cannot be opened, or is no database.
        """
        self._stopped: Stopped = never
        timeout = _TRY_SECONDS if writes else BUSY_SECONDS
        self._sqlite: Final = sqlite3.connect(
            path, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=_CACHED
        )
        try:
            self._prepare(writes)
        except BaseException:
            self._sqlite.close()
            raise

    def close(self) -> None:
        """Close it; the last one to close a database folds its log into the file."""
        self._sqlite.close()

    def write(self, queries: Sequence[Query], stopped: Stopped = never) -> list[Rows]:
        """Run *queries* as one transaction, once no other process writes.

        Raises:
            D1Error: One of them failed, other processes wrote for too long, or it was stopped: nothing has changed.
        """
        with self.transaction(stopped):
            return self.run(queries)

    def read(self, queries: Sequence[Query], stopped: Stopped = never) -> list[Rows]:
        """Run *queries* on one and the same state of the database.

        Raises:
            D1Error: One of them failed, or it was stopped.
        """
        with self._until(stopped):
            self._sqlite.execute("BEGIN")
            try:
                return self.run(queries)
            finally:
                if self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")

    @contextmanager
    def transaction(self, stopped: Stopped = never) -> Generator[None]:
        """A transaction that only this connection writes in; it is undone where the block raises.

        Raises:
            D1Error: Other processes wrote for too long, it was stopped, or what was written may not be.
        """
        with self._until(stopped):
            self._begin()
            try:
                yield
                self._commit()
            except BaseException:
                # Some failures end the transaction by themselves.
                if self._sqlite.in_transaction:
                    self._sqlite.execute("ROLLBACK")
                raise

    def run(self, queries: Sequence[Query]) -> list[Rows]:
        """Run *queries* inside the transaction that is open; those that are only comments are left out.

        Raises:
            D1Error: One of them failed, or there is none.
        """
        answers = [
            self._query(index, parsed, query)
            for index, query in enumerate(queries)
            if (parsed := statements(query.sql))
        ]
        if not answers:
            raise D1Error(NO_STATEMENTS)
        return answers

    def dump(self) -> bytes:
        """Return the whole database as a file of SQLite.

        Raises:
            D1Error: It could not be read.
        """
        try:
            return self._sqlite.serialize()
        except (sqlite3.Error, AttributeError, MemoryError) as error:
            raise D1Error(str(error), "D1_DUMP_ERROR") from error

    def _query(self, index: int, parsed: Sequence[Statement], query: Query) -> Rows:
        for statement in parsed:
            if statement.refusal is not None:
                raise D1Error(statement.refusal, statement=index)
        try:
            return self._timed(parsed, query)
        except (sqlite3.Error, sqlite3.Warning, UnicodeError, OverflowError, MemoryError) as error:
            raise refused(error, index) from error

    def _timed(self, parsed: Sequence[Statement], query: Query) -> Rows:
        before, changes = self._state(), self._sqlite.total_changes
        began = time.perf_counter()
        for statement in parsed[:-1]:
            self._sqlite.execute(statement.text)
        # Where one text holds several statements, the parameters and the answer are those of the last.
        cursor = self._sqlite.execute(parsed[-1].text, tuple(query.params))
        rows = cursor.fetchall()
        duration = (time.perf_counter() - began) * 1000
        columns = [column[0] for column in cursor.description or ()]
        after, changes = self._state(), self._sqlite.total_changes - changes
        meta = {
            "duration": duration,
            "changes": changes,
            "last_row_id": cursor.lastrowid or 0,
            "changed_db": changes != 0 or before != after,
            "size_after": after[0],
        }
        return Rows(columns, rows, meta)

    def _state(self) -> tuple[int, int]:
        """Bytes of the database, and the number of its schema."""
        row = self._sqlite.execute(
            "SELECT page_count * page_size, schema_version "
            "FROM pragma_page_count, pragma_page_size, pragma_schema_version"
        ).fetchone()
        return row[0], row[1]

    @contextmanager
    def _until(self, stopped: Stopped) -> Generator[None]:
        self._stopped = stopped
        try:
            yield
        except sqlite3.Error as error:
            raise refused(error) from error
        finally:
            self._stopped = never

    def _begin(self) -> None:
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._sqlite.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                # In short tries, so that a caller who has gone is noticed.
                if not _is_busy(error) or self._stopped() or time.monotonic() > give_up:
                    raise
            else:
                return

    def _commit(self) -> None:
        if self._stopped():
            raise D1Error("interrupted")
        self._sqlite.execute("COMMIT")

    def _prepare(self, writes: bool) -> None:  # noqa: FBT001 -- passed on by position
        sqlite = self._sqlite
        if writes:
            self._use_log()
            # Once COMMIT returns, a loss of power loses nothing.
            sqlite.execute("PRAGMA synchronous = FULL")
            sqlite.execute("PRAGMA foreign_keys = ON")
        else:
            sqlite.execute("PRAGMA query_only = ON")
        # A reader too: a pragma that is only to be explained takes effect all the same.
        sqlite.set_authorizer(_authorize_writer if writes else _authorize_reader)
        sqlite.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
        sqlite.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS)
        sqlite.set_progress_handler(lambda: self._stopped(), _STEPS)  # noqa: PLW0108 -- it is another one each time

    def _use_log(self) -> None:
        """Switch the file to a write-ahead log, under which readers and a writer do not wait for each other."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                # SQLite does not wait here when another process does the same at this moment.
                if self._sqlite.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > give_up:
                    raise
            time.sleep(0.01)


def _is_busy(error: sqlite3.OperationalError) -> bool:
    # The low byte is the kind; the rest says why.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _authorizer(pragmas: AbstractSet[str]) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """What says whether SQLite may do a part of a statement; asked when it is compiled."""

    def authorize(
        action: int, first: str | None, second: str | None, database: str | None, _trigger: str | None
    ) -> int:
        if action == sqlite3.SQLITE_PRAGMA and first is not None:
            name = first.upper()
            allowed = name in pragmas or (name in _ASKED_PRAGMAS and second is None)
        else:
            is_temporary = action in _CREATIONS and database == "temp"
            allowed = not is_temporary and action not in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    return authorize


_authorize_reader: Final = _authorizer(READING_PRAGMAS)
_authorize_writer: Final = _authorizer(READING_PRAGMAS | _WRITING_PRAGMAS)

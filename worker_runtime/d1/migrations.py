"""Migrations: files of SQL that are applied to a database once, in their order."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from worker_runtime.d1.connection import Connection
from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.query import Query
from worker_runtime.d1.sql import statements

_NUMBER = re.compile(r"\d+", re.ASCII)


class Migration(NamedTuple):
    """One migration: the name that the database remembers, and its file."""

    name: str
    path: Path


def find_migrations(directory: Path, pattern: str) -> list[Migration]:
    """Return the migrations that match *pattern* below *directory*, by their numbers, then by name.

    The name of a migration is its path below the part of the pattern that has no wildcard.
    """
    fixed = next(iter(re.split(r"[^/]*[*?\[]", pattern, maxsplit=1)))
    folder = directory / fixed if fixed != pattern else (directory / pattern).parent
    found = [Migration(path.relative_to(folder).as_posix(), path) for path in directory.glob(pattern) if path.is_file()]
    return sorted(found, key=lambda migration: (_number(migration.name), migration.name))


def pending(connection: Connection, migrations: Sequence[Migration], table: str) -> list[Migration]:
    """Return those of *migrations* that were not applied. Blocking.

    Raises:
        D1Error: The database cannot be read.
    """
    applied = _applied(connection, table)
    return [migration for migration in migrations if migration.name not in applied]


class MigrationFailed(D1Error):
    """Raised when a migration failed; `migration` says which."""

    def __init__(self, error: D1Error, migration: Migration) -> None:
        super().__init__(error.cause, error.code, sqlite=error.sqlite, statement=error.statement)
        self.migration = migration


def apply(connection: Connection, migrations: Sequence[Migration], table: str) -> list[Migration]:
    """Apply those of *migrations* that were not, each in a transaction of its own, and return them. Blocking.

    Processes that do so at the same time wait for each other, and each migration is applied once.

    Raises:
        MigrationFailed: One of them failed and left nothing behind; those before it stay applied.
        D1Error: The database cannot be read.
    """
    return [
        migration for migration in pending(connection, migrations, table) if _apply_one(connection, migration, table)
    ]


def _apply_one(connection: Connection, migration: Migration, table: str) -> bool:
    try:
        # What some editors put before the text is none of it.
        found = statements(migration.path.read_text(encoding="utf-8-sig"))
        with connection.transaction():
            connection.run([Query(f'CREATE TABLE IF NOT EXISTS "{table}" ({_COLUMNS})')])
            # Meanwhile another process may have applied it.
            if migration.name in _names(connection, table):
                return False
            if found:
                connection.run([Query(statement.text) for statement in found])
            connection.run([Query(f'INSERT INTO "{table}" (name) VALUES (?)', (migration.name,))])  # noqa: S608 -- checked
    except D1Error as error:
        raise MigrationFailed(error, migration) from error
    except (OSError, UnicodeError) as error:
        raise MigrationFailed(D1Error(str(error)), migration) from error
    return True


# The same columns as upstream, so that a database may be carried over with what it remembers.
_COLUMNS = (
    "id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL"
)


def _applied(connection: Connection, table: str) -> set[str]:
    (there,) = connection.read([Query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", (table,))])
    if not there.rows:
        return set()
    (answer,) = connection.read([Query(f'SELECT name FROM "{table}"')])  # noqa: S608 -- a name that was checked
    return {row[0] for row in answer.rows}


def _names(connection: Connection, table: str) -> set[str]:
    (answer,) = connection.run([Query(f'SELECT name FROM "{table}"')])  # noqa: S608 -- a name that was checked
    return {row[0] for row in answer.rows}


def _number(name: str) -> float:
    found = _NUMBER.match(name)
    return int(found[0]) if found else math.inf

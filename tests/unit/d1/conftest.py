"""A database in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_runtime.d1 import D1Database
from worker_runtime.d1.file import DatabaseFile


@pytest.fixture
def file(tmp_path: Path) -> Iterator[DatabaseFile]:
    file = DatabaseFile(tmp_path / "d1" / "notes.sqlite", "notes")
    yield file
    file.close()


@pytest.fixture
def empty(file: DatabaseFile) -> D1Database:
    return D1Database(file)


@pytest.fixture
async def db(empty: D1Database) -> D1Database:
    """A table of notes with one note in it."""
    await empty.exec(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, title TEXT UNIQUE, body)\n"
        "INSERT INTO notes (title, body) VALUES ('first', 'hello')"
    )
    return empty

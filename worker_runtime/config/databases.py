"""The `d1_databases` list: bindings to D1 databases."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.model import D1Binding
from worker_runtime.config.rows import described, rows
from worker_runtime.config.tables import shown

_KEYS = (
    "binding", "database_name", "database_id", "preview_database_id", "migrations_table", "migrations_dir",
    "migrations_pattern", "remote", "service", "entrypoint",
)  # fmt: skip
_OF_A_FILE = ("migrations_table", "migrations_dir", "migrations_pattern")
_FIX = 'Write binding = "NAME", database_name = "name" and database_id = "id".'


def databases(section: Section, directory: Path, mistakes: Mistakes) -> tuple[tuple[D1Binding, ...], list[str]]:
    """Return the databases that are right, and notes; what is wrong is added to `mistakes`."""
    found, said = list[D1Binding](), list[str]()
    place = section.place("d1_databases")
    for key, row in rows(section.keys.get("d1_databases"), place, _FIX, mistakes):
        if (database := described(D1Binding, row, key, _FIX, mistakes)) is not None:
            _check(row, database, key, directory, mistakes)
            found.append(database)
            said += _notes(row, key, database)
    return tuple(found), said


def _check(row: Mapping[str, object], database: D1Binding, key: str, directory: Path, mistakes: Mistakes) -> None:
    if database.service is None:
        if "entrypoint" in row:
            mistakes.add(f"{key}.entrypoint", "is of no use without a service.", 'Write service = "name" too.')
        if "migrations_dir" in row and not (directory / database.migrations_dir).is_dir():
            fix = f"Create {directory / database.migrations_dir}, or correct migrations_dir."
            mistakes.add(f"{key}.migrations_dir", f"no folder {shown(database.migrations_dir)}.", fix)
        if Path(database.pattern).is_absolute():
            fix = "Write it relative to the configuration."
            mistakes.add(f"{key}.migrations_pattern", f"is an absolute path, {shown(database.pattern)}.", fix)


def _notes(row: Mapping[str, object], key: str, database: D1Binding) -> Iterator[str]:
    yield from notes.on_unknown(row, _KEYS, prefix=f"{key}.")
    if "remote" in row:
        yield f"{key}.remote: has no effect here: ignored"
    if not database.database_id:
        yield f"{key}.database_id: is missing: the database is known as {database.key!r}"
    if database.service is not None:
        for name in _OF_A_FILE:
            if name in row:
                yield f"{key}.{name}: belongs to the service {database.service}, which holds the database: ignored"

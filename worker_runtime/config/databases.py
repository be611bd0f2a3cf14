"""The `d1_databases` list: bindings to D1 databases."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes, reasons
from worker_runtime.config.model import D1Binding
from worker_runtime.config.tables import as_list, as_table, shown

_KEYS = (
    "binding", "database_name", "database_id", "preview_database_id", "migrations_table", "migrations_dir",
    "migrations_pattern", "remote", "service", "entrypoint",
)  # fmt: skip
_OF_A_FILE = ("migrations_table", "migrations_dir", "migrations_pattern")
_FIX = 'Write binding = "NAME", database_name = "name" and database_id = "id".'


def databases(section: Section, directory: Path, mistakes: Mistakes) -> tuple[tuple[D1Binding, ...], list[str]]:
    """Return the databases that are right, and notes; what is wrong is added to `mistakes`."""
    place, found, said = section.place("d1_databases"), list[D1Binding](), list[str]()
    given = section.keys.get("d1_databases", [])
    items = as_list(given)
    if items is None:
        mistakes.add(
            place, f'The field "{place}" should be an array but got {shown(given)}.', "Write [[d1_databases]]."
        )
        return (), []
    for index, item in enumerate(items):
        key = f"{place}[{index}]"
        if (row := as_table(item)) is None:
            mistakes.add(key, f'"d1_databases" bindings should be objects, but got {shown(item)}.', _FIX)
        elif (database := _database(row, key, mistakes)) is not None:
            _check(row, database, key, directory, mistakes)
            found.append(database)
            said += _notes(row, key, database)
    return tuple(found), said


def _database(row: Mapping[str, object], key: str, mistakes: Mistakes) -> D1Binding | None:
    try:
        return D1Binding.model_validate(row)
    except ValidationError as error:
        for field, kind, reason in reasons(error):
            if kind in ("missing", "string_type"):
                problem = f'"{key}" bindings should have a string "{field}" field but got {shown(cast("object", row))}.'
                mistakes.add(key, problem, _FIX)
            elif kind == "value_error":
                mistakes.add(f"{key}.{field}", f"{reason}.")
            else:
                mistakes.add(f"{key}.{field}", f"{reason} but got {shown(row[field])}.")
    return None


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

"""Migrations: their order, once each, whole or not at all; and the command for them."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from worker_runtime.cli import main
from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.file import DatabaseFile
from worker_runtime.d1.migrations import MigrationFailed, apply, find_migrations, pending
from worker_runtime.d1.query import Query

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    """A service with two migrations."""
    (tmp_path / "worker.py").write_text("from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint): ...\n")
    (tmp_path / "wrangler.toml").write_text(
        'name = "notes"\nmain = "worker.py"\n'
        '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "d"\ndatabase_id = "i/d"\n'
    )
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_notes.sql").write_text(
        "-- notes\nCREATE TABLE notes (a);\nINSERT INTO notes VALUES (1);"
    )
    (tmp_path / "migrations" / "0002_more.sql").write_text("INSERT INTO notes VALUES (2);")
    return tmp_path


def applied(file: DatabaseFile, folder: Path) -> list[str]:
    with file.writer() as connection:
        done = apply(connection, find_migrations(folder, "migrations/*.sql"), "d1_migrations")
    return [migration.name for migration in done]


def notes(file: DatabaseFile) -> list[int]:
    with file.writer() as connection:
        (answer,) = connection.read([Query("SELECT a FROM notes")])
    return [row[0] for row in answer.rows]


def test_migrations_are_applied_in_order_and_once(file, folder):
    assert applied(file, folder) == ["0001_notes.sql", "0002_more.sql"]
    assert applied(file, folder) == []
    assert notes(file) == [1, 2]


def test_new_migration_is_applied_later_alone(file, folder):
    applied(file, folder)
    (folder / "migrations" / "0003_third.sql").write_text("\ufeffINSERT INTO notes VALUES (3)")
    (folder / "migrations" / "0004_nothing.sql").write_text("-- nothing to do")

    assert applied(file, folder) == ["0003_third.sql", "0004_nothing.sql"]
    assert notes(file) == [1, 2, 3]


def test_order_is_that_of_the_numbers(folder):
    for name in ("10_ten.sql", "9_nine.sql", "last.sql"):
        (folder / "migrations" / name).touch()

    names = [migration.name for migration in find_migrations(folder, "migrations/*.sql")]

    assert names == ["0001_notes.sql", "0002_more.sql", "9_nine.sql", "10_ten.sql", "last.sql"]


def test_pattern_may_reach_into_folders(folder):
    for name in ("0001_a", "0002_b"):
        (folder / "drizzle" / name).mkdir(parents=True)
        (folder / "drizzle" / name / "migration.sql").touch()

    found = find_migrations(folder, "drizzle/*/migration.sql")

    assert [migration.name for migration in found] == ["0001_a/migration.sql", "0002_b/migration.sql"]
    assert [migration.name for migration in find_migrations(folder, "drizzle/0001_a/migration.sql")] == [
        "migration.sql"
    ]


def test_failed_migration_leaves_nothing_and_those_before_it_stay(file, folder):
    (folder / "migrations" / "0002_more.sql").write_text(
        "INSERT INTO notes VALUES (2);\nINSERT INTO nowhere VALUES (2);"
    )

    with pytest.raises(MigrationFailed, match="no such table: nowhere") as failed:
        applied(file, folder)

    assert failed.value.migration.name == "0002_more.sql"
    assert notes(file) == [1]
    (folder / "migrations" / "0002_more.sql").write_text("INSERT INTO notes VALUES (2);")
    assert applied(file, folder) == ["0002_more.sql"]


def test_migration_may_not_end_its_own_transaction(file, folder):
    (folder / "migrations" / "0002_more.sql").write_text("INSERT INTO notes VALUES (2); COMMIT; SELECT 1;")

    with pytest.raises(MigrationFailed, match="COMMIT"):
        applied(file, folder)

    assert notes(file) == [1]


def test_migration_that_is_no_text_is_named(file, folder):
    (folder / "migrations" / "0002_more.sql").write_bytes(b"\xff\xfe")

    with pytest.raises(MigrationFailed, match="D1_ERROR: 'utf-8' codec") as failed:
        applied(file, folder)

    assert failed.value.migration.name == "0002_more.sql"


def test_two_that_apply_at_the_same_moment_apply_each_once(tmp_path, folder):
    files = [DatabaseFile(tmp_path / "shared.sqlite", "shared") for _ in range(4)]
    gate = threading.Barrier(len(files))
    done = list[str]()

    def start(file):
        gate.wait()
        done.extend(applied(file, folder))

    threads = [threading.Thread(target=start, args=(file,)) for file in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == ["0001_notes.sql", "0002_more.sql"]
    assert notes(files[0]) == [1, 2]
    for file in files:
        file.close()


def test_table_of_migrations_is_that_of_upstream(file, folder):
    applied(file, folder)

    with file.writer() as connection:
        (answer,) = connection.read([Query("SELECT * FROM d1_migrations")])
        assert pending(connection, find_migrations(folder, "migrations/*.sql"), "d1_migrations") == []

    assert list(answer.columns) == ["id", "name", "applied_at"]


def test_command_lists_applies_and_lists_again(folder, capsys):
    where = ("--config", str(folder))

    assert main(["d1", "migrations", "list", *where]) == 0
    assert not (folder / ".callyard").exists()
    assert main(["d1", "migrations", "apply", "DB", *where]) == 0
    assert main(["d1", "migrations", "apply", "d", *where, "--json"]) == 0
    assert main(["d1", "migrations", "list", "i/d", *where, "--json"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["to apply 0001_notes.sql", "to apply 0002_more.sql"]
    assert lines[2:5] == ["applied 0001_notes.sql", "applied 0002_more.sql", "[]"]
    assert [entry["applied"] for entry in json.loads(lines[5])] == [True, True]
    assert [path.name for path in (folder / ".callyard" / "d1").iterdir()] == ["i%2Fd.sqlite"]


def test_command_runs_statements_of_the_line_and_of_a_file(folder, capsys):
    where = ("--config", str(folder))
    (folder / "seed.sql").write_text("INSERT INTO notes VALUES (7);\n\nINSERT INTO notes VALUES (8);\n")
    main(["d1", "migrations", "apply", *where])
    capsys.readouterr()

    assert main(["d1", "execute", *where, "--file", str(folder / "seed.sql")]) == 0
    assert main(["d1", "execute", *where, "--command", "SELECT count(*) AS n FROM notes; SELECT 1 AS one"]) == 0
    assert main(["d1", "execute", *where, "--command", "SELECT a FROM notes WHERE a > 6", "--json"]) == 0

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert [json.loads(line) for line in lines[:2]] == [{"n": 4}, {"one": 1}]
    assert json.loads(lines[2])[0]["results"] == [{"a": 7}, {"a": 8}]
    assert said.err.splitlines()[0] == "2 statements, 2 rows changed"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["execute", "--command", "SELECT nope"], 1, "error: D1_ERROR: no such column: nope"),
        (["execute", "--command", "/* */"], 1, "error: D1_ERROR: No SQL statements detected."),
        (["execute", "--file", "missing.sql"], 1, "missing.sql"),
        (["migrations", "list", "OTHER"], 2, "'OTHER' names no database, or more than one. There are: DB (d)."),
    ],
)
def test_command_says_what_is_wrong(folder, capsys, words, code, text):
    assert main(["d1", *words, "--config", str(folder)]) == code
    assert text in capsys.readouterr().err


def test_command_names_the_migration_that_failed(folder, capsys):
    (folder / "migrations" / "0002_more.sql").write_text("SELECT nope;")

    assert main(["d1", "migrations", "apply", "--config", str(folder)]) == 2
    assert "0002_more.sql: D1_ERROR: no such column: nope" in capsys.readouterr().err


def test_command_sends_to_the_service_that_holds_the_database(folder, capsys):
    with (folder / "wrangler.toml").open("a") as config:
        config.write('service = "db-service"\n')

    assert main(["d1", "migrations", "apply", "--config", str(folder)]) == 2
    assert "DB is held by the service 'db-service'" in capsys.readouterr().err


def test_folder_of_that_name_can_still_be_served(folder):
    (folder / "d1").mkdir()
    for name in ("worker.py", "wrangler.toml"):
        (folder / name).rename(folder / "d1" / name)

    done = subprocess.run(
        [sys.executable, "-m", "worker_runtime", "d1", "--check"],
        cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "service notes" in done.stdout


def test_file_that_cannot_be_opened_is_an_error_with_its_path(folder, capsys):
    (folder / ".callyard").write_text("in the way")

    assert main(["d1", "migrations", "apply", "--config", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "d1_databases: DB" in said
    assert ".callyard" in said


def test_refusal_of_a_database_keeps_its_parts_when_copied():
    import copy

    error = D1Error("no", "D1_EXEC_ERROR", sqlite="SQLITE_ERROR", statement=3)

    again = copy.copy(error)

    assert (str(again), again.sqlite, again.statement) == ("D1_EXEC_ERROR: no", "SQLITE_ERROR", 3)

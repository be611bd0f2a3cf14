"""Many at once, slow ones, and such as nobody waits for any more."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from worker_runtime.d1 import D1Database, D1Error
from worker_runtime.d1 import connection as connections
from worker_runtime.d1.file import READERS, DatabaseFile

ROOT = Path(__file__).parents[3]
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
ENDLESS_WRITE = (
    "INSERT INTO notes (title) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT 'x' FROM n WHERE i < 0"
)
WRITER = """
import asyncio, sys
from pathlib import Path
from worker_runtime.d1 import D1Database
from worker_runtime.d1.file import DatabaseFile

async def main():
    file = DatabaseFile(Path(sys.argv[1]), "shared")
    db = D1Database(file)
    await db.exec("CREATE TABLE IF NOT EXISTS counted (writer TEXT, n INTEGER)")
    insert = db.prepare("INSERT INTO counted VALUES (?, ?)")
    single = [insert.bind(sys.argv[2], n).run() for n in range(60)]
    pairs = [db.batch([insert.bind(sys.argv[2], n), insert.bind(sys.argv[2], -n)]) for n in range(60, 90)]
    await asyncio.gather(*single, *pairs)
    file.close()

asyncio.run(main())
"""


async def count(db: D1Database) -> int:
    return await db.prepare("SELECT count(*) AS n FROM notes").first("n")


async def test_slow_query_holds_up_neither_the_loop_nor_other_queries(db):
    slow = asyncio.create_task(db.prepare(ENDLESS).run())
    with anyio.fail_after(5):
        for number in range(20):
            await db.prepare("INSERT INTO notes (title) VALUES (?)").bind(str(number)).run()
        assert await count(db) == 21

    assert not slow.done()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow


@pytest.mark.parametrize("sql", [ENDLESS, ENDLESS_WRITE])
async def test_cancelled_query_ends_and_leaves_its_thread_to_the_next(db, file, sql):
    with anyio.move_on_after(0.05) as scope:
        await db.prepare(sql).run()

    assert scope.cancelled_caught
    with anyio.fail_after(5):
        await db.prepare("INSERT INTO notes (title) VALUES ('after')").run()
        assert await count(db) == 2
        # Nothing of it runs any more, or this would wait for ever.
        await asyncio.to_thread(file.close)


async def test_query_that_waits_its_turn_can_be_cancelled_and_is_never_run(db):
    first = asyncio.create_task(db.prepare(ENDLESS_WRITE).run())
    second = asyncio.create_task(db.prepare("DELETE FROM notes").run())
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first

    assert await count(db) == 1


async def test_write_that_waits_for_another_process_can_be_cancelled(db, file):
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(db.prepare("DELETE FROM notes").run())
    with anyio.fail_after(5):
        assert await count(db) == 1
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    other.execute("COMMIT")
    other.close()

    assert await count(db) == 1


async def test_write_waits_for_another_process_and_gives_up_in_the_end(db, file, monkeypatch):
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    write = asyncio.create_task(db.prepare("INSERT INTO notes (title) VALUES ('late')").run())
    await count(db)
    other.execute("COMMIT")
    assert (await write).meta.changes == 1

    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.2)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(D1Error, match=r"^D1_ERROR: database is locked$"):
        await db.prepare("DELETE FROM notes").run()
    other.close()


async def test_cancelled_batch_is_rolled_back(db):
    insert = db.prepare("INSERT INTO notes (title) VALUES ('half')")
    with anyio.move_on_after(0.05):
        await db.batch([insert, db.prepare(ENDLESS_WRITE)])

    assert await count(db) == 1


async def test_reads_do_not_see_a_batch_before_its_end(db):
    insert = db.prepare("INSERT INTO notes (title) VALUES ('half')")
    batch = asyncio.create_task(db.batch([insert, db.prepare(ENDLESS_WRITE)]))
    for _ in range(20):
        assert await count(db) == 1
    batch.cancel()
    await asyncio.wait([batch])


async def test_more_slow_reads_than_readers_hold_up_no_write(db):
    slow = [asyncio.create_task(db.prepare(ENDLESS).run()) for _ in range(READERS + 1)]
    with anyio.fail_after(5):
        await db.prepare("INSERT INTO notes (title) VALUES ('through')").run()
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)


async def test_a_thousand_writes_at_once_all_arrive(db):
    insert = db.prepare("INSERT INTO notes (title) VALUES (?)")

    await asyncio.gather(*[insert.bind(f"n{number}").run() for number in range(1000)])

    assert await count(db) == 1001


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "new" / "shared.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, name], cwd=ROOT, stderr=subprocess.PIPE, text=True) for name in "abcd"]
    for writer in writers:
        _, errors = writer.communicate(timeout=50)
        assert writer.returncode == 0, errors

    connection = sqlite3.connect(path)
    written = connection.execute("SELECT writer, count(*), count(DISTINCT n) FROM counted GROUP BY writer").fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert written == [(name, 120, 120) for name in "abcd"]


def test_file_is_made_with_its_folder_and_folded_together_at_the_end(tmp_path):
    path = tmp_path / "a" / "b" / "c.sqlite"
    file = DatabaseFile(path, "c")

    with file.writer():
        assert path.exists()
    file.close()

    assert [entry.name for entry in path.parent.iterdir()] == ["c.sqlite"]

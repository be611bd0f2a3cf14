"""Databases of services: several processes, lost ones, and databases that another service holds."""

import asyncio
import os
import shutil
import signal
import sqlite3
from pathlib import Path

import anyio
import pytest

from client import CallTimeout, RemoteError, options
from tests.support.workers import service_folder, until

pytestmark = pytest.mark.redis

TODO = Path(__file__).parents[2] / "examples" / "todo"
MIGRATION = "CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT);\nINSERT INTO lines (text) VALUES ('migrated');\n"


def ledger(place, name="ledger", **database):
    """The folder of a service with a database that has one line."""
    binding = {"binding": "DB", "database_name": "ledger", "database_id": "ledger-1", **database}
    folder = service_folder(
        place.folder, "ledger", name=name, d1_databases=[binding], vars={"DIARY": str(place.diary.path)}
    )
    (folder / "migrations").mkdir()
    (folder / "migrations" / "0001_lines.sql").write_text(MIGRATION)
    return folder


def stored(folder, sql="SELECT text FROM lines ORDER BY id"):
    """What stands in the file, seen from outside."""
    connection = sqlite3.connect(folder / ".callyard" / "d1" / "ledger-1.sqlite")
    try:
        return [row[0] for row in connection.execute(sql)]
    finally:
        connection.close()


@pytest.fixture
def todo(place):
    """Both services of the to-do application, in folders of their own."""
    shutil.copytree(TODO, place.folder / "todo", ignore=shutil.ignore_patterns(".callyard", "__pycache__"))
    return place.folder / "todo"


async def test_to_do_application_of_the_seed_works(place, todo):
    place.workers.serve(todo / "todo_app")
    place.workers.serve(todo / "admin_app")
    async with place.connect() as services:
        admin = services.service("todo-app", "AdminEntrypoint")
        user = services.service("todo-app", "UserEntrypoint")

        welcome = await services.service("admin-app").fetch("http://x/")
        await admin.create_user("bob")
        # The first user is the one that the other service created.
        await user.create_task(1, "write tests")
        await user.create_task(1, "run them")
        tasks = await user.get_tasks(1)
        with pytest.raises(RemoteError) as refused:
            await admin.create_user("aNewUser")
        await admin.delete_user("aNewUser")
        left = await user.get_tasks(1)
        hello = await services.service("todo-app").fetch("http://x/")

    assert await welcome.text() == "Hello from admin app"
    assert tasks["success"] is True
    assert tasks["results"] == [{"title": "write tests"}, {"title": "run them"}]
    assert (refused.value.name, refused.value.message) == (
        "D1Error",
        "D1_ERROR: UNIQUE constraint failed: users.username",
    )
    assert left["results"] == []
    assert await hello.text() == "Hello from my to do app"


async def test_processes_that_write_at_once_lose_nothing_and_migrate_once(place):
    folder = ledger(place)
    pools = [place.workers.start(folder, "--processes", "2") for _ in range(2)]
    for pool in pools:
        pool.ready(processes=2)
    async with place.connect() as services:
        results = await asyncio.gather(*[services.ledger.put(f"line {number}") for number in range(200)])

        assert await services.ledger.total() == 201

    ids = {result["results"][0]["id"] for result in results}
    assert len(ids) == 200
    assert {pool.terminate() for pool in pools} == {0}
    assert sorted(stored(folder)) == sorted(["migrated", *[f"line {number}" for number in range(200)]])
    assert stored(folder, "SELECT count(*) FROM d1_migrations") == [1]
    assert [path.name for path in (folder / ".callyard" / "d1").iterdir()] == ["ledger-1.sqlite"]


async def test_worker_killed_in_the_middle_of_a_batch_leaves_it_whole_or_absent(place):
    folder = ledger(place)
    first = place.workers.serve(folder)
    async with place.connect() as services:
        call = asyncio.ensure_future(services.ledger.put_slowly(50, 3_000_000))
        await place.diary.says("putting slowly")
        await until(lambda: _is_writing(folder), "the transaction")
        os.kill(first.pid, signal.SIGKILL)
        first.ended()

        assert stored(folder) == ["migrated"]
        place.workers.serve(folder)
        # Delivered again, it is done whole.
        assert await call == 50
        assert await services.ledger.total() == 51


async def test_write_of_a_service_that_is_lost_meanwhile_is_not_run_again(place):
    holder, away = ledger(place, "db-service"), ledger(place, "away", service="db-service")
    first = place.workers.serve(holder)
    place.workers.serve(away)
    async with place.connect() as services:
        call = asyncio.ensure_future(services.away.put_slowly(50, 3_000_000))
        await until(lambda: _is_writing(holder), "the transaction")
        os.kill(first.pid, signal.SIGKILL)
        first.ended()
        place.workers.serve(holder)
        with pytest.raises(RemoteError) as refused:
            await call

        assert refused.value.name == "CallAbandoned"
        assert await services.away.total() == 1


async def test_slow_query_holds_up_no_other_call_and_stops_with_its_caller(place):
    place.workers.serve(ledger(place))
    async with place.connect() as services:
        slow = asyncio.ensure_future(services.ledger.endless())
        await place.diary.says("counting")
        with anyio.fail_after(10):
            for number in range(20):
                await services.ledger.put(str(number))
        slow.cancel()
        await place.diary.says("stopped counting")
        with pytest.raises(CallTimeout):
            await options(services.ledger, timeout=0.3).endless()
        await place.diary.says("stopped counting", times=2)

        assert await services.ledger.total() == 21


async def test_database_that_another_service_holds_is_the_same_to_its_user(place):
    holder = ledger(place, "db-service")
    away = ledger(place, "away", service="db-service")
    place.workers.serve(holder)
    place.workers.serve(away)
    async with place.connect() as services:
        put = await services.away.put("from away")
        assert put["results"] == [{"id": 2}]
        assert put["meta"]["changes"] == 1
        assert await services.service("db-service").texts() == await services.away.texts() == ["migrated", "from away"]
        assert await services.away.put_slowly(3, 10) == 3
        assert await services.away.total() == 5
        assert await services.away.bytes_back(b"\x00\xff") == [0, 255]
        assert await services.away.size() > 4096
        assert await services.away.session() == [None, True]
        text = "D1_ERROR: UNIQUE constraint failed: lines.id"
        assert await services.away.code_of_a_refusal() == ["D1Error", text, "SQLITE_CONSTRAINT_PRIMARYKEY"]
        with pytest.raises(RemoteError) as refused:
            await services.away.one_line_twice()

    assert refused.value.name == "D1Error"
    assert refused.value.message.startswith("D1_EXEC_ERROR: Error in line 2: INSERT INTO lines (id)")
    assert not (away / ".callyard").exists()
    assert len(stored(holder)) == 5


async def test_cancelling_reaches_a_query_at_the_service_that_holds_the_database(place):
    place.workers.serve(ledger(place, "db-service"), ledger(place, "away", service="db-service"))
    async with place.connect() as services:
        slow = asyncio.ensure_future(services.away.endless())
        await place.diary.says("counting")
        slow.cancel()
        await place.diary.says("stopped counting")

        assert await services.away.total() == 1


async def test_service_says_which_databases_it_holds_and_reads_only_what_reads(place):
    place.workers.serve(ledger(place, "db-service"))
    async with place.connect() as services:
        served = services.service("db-service", "D1Service")
        with pytest.raises(
            RemoteError, match=r"D1_ERROR: This service holds no database 'other'; it holds: ledger-1\."
        ):
            await served.read("other", [["SELECT 1", []]])
        with pytest.raises(RemoteError, match="D1_ERROR: read"):
            await served.read("ledger-1", [["DELETE FROM lines", []]])
        with pytest.raises(RemoteError, match="D1_ERROR: A query is its text"):
            await served.write("ledger-1", ["DELETE FROM lines"])
        with pytest.raises(RemoteError, match="D1_ERROR: not authorized"):
            await served.write("ledger-1", [["ATTACH '/tmp/x' AS x", []]])


async def test_failed_migration_ends_the_start_and_names_its_file(place):
    folder = ledger(place)
    (folder / "migrations" / "0002_wrong.sql").write_text("INSERT INTO nowhere VALUES (1);")

    worker = place.workers.start(folder)

    assert worker.ended() == 2
    assert f"error: {folder}/migrations/0002_wrong.sql: D1_ERROR: no such table: nowhere\n" in worker.errors
    assert stored(folder) == ["migrated"]


async def test_pool_whose_service_offers_no_database_is_refused(place):
    worker = place.workers.start(
        place.probe(),
        service_folder(
            place.folder, "ledger", d1_databases=[{"binding": "DB", "database_id": "x", "service": "probe"}]
        ),
    )

    assert worker.ended() == 2
    assert 'named entrypoint "D1Service", but "probe" has no such named entrypoint' in "".join(worker.errors)


def _is_writing(folder):
    """Whether a transaction that writes is open."""
    connection = sqlite3.connect(folder / ".callyard" / "d1" / "ledger-1.sqlite", timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return "locked" in str(error)
    else:
        return False
    finally:
        connection.close()

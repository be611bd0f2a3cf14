"""`env.DB`: every call of the API, its results and its error texts."""

import enum
import json
import sqlite3

import pytest

from broker.codec import decode, encode
from broker.errors import RemoteError
from broker.failures import dump, load
from worker_runtime.d1 import D1Error
from worker_runtime.d1.errors import received

META = {
    "duration", "changes", "last_row_id", "changed_db", "size_after", "rows_read", "rows_written", "served_by",
    "served_by_region", "served_by_primary", "served_by_colo", "timings", "total_attempts",
}  # fmt: skip


class Colour(enum.StrEnum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Ratio(float):
    pass


class Hostile:
    def __str__(self):
        raise ValueError


async def test_run_gives_rows_as_dicts_by_attribute_and_by_item(db):
    result = await db.prepare("SELECT id, title FROM notes WHERE id = ?").bind(1).run()

    assert result.success is True
    assert result.results == result["results"] == [{"id": 1, "title": "first"}]
    assert set(result.meta) == META
    assert (len(result), len(result.meta)) == (3, len(META))
    assert result["meta"]["rows_read"] == result.meta.rows_read == 1
    with pytest.raises(KeyError):
        result["nothing"]


async def test_all_is_the_same_as_run(db):
    ran, all_ = await db.prepare("SELECT * FROM notes").run(), await db.prepare("SELECT * FROM notes").all()

    assert ran.results == all_.results


async def test_a_result_crosses_to_callers_as_a_plain_dict(db):
    result = await db.prepare("SELECT title FROM notes").run()

    arrived = decode(encode(result))

    assert type(arrived) is dict
    assert type(arrived["meta"]) is dict
    assert arrived["results"] == [{"title": "first"}]
    assert arrived == {**result, "meta": dict(result.meta)}
    assert json.loads(json.dumps(arrived)) == arrived


async def test_plain_write_has_no_rows_and_returning_has(db):
    plain = await db.prepare("INSERT INTO notes (title) VALUES ('second')").run()
    returning = await db.prepare("INSERT INTO notes (title) VALUES ('third') RETURNING id, title").run()

    assert plain.results == []
    assert (plain.meta.changes, plain.meta.rows_written, plain.meta.last_row_id) == (1, 1, 2)
    assert plain.meta.changed_db is True
    assert returning.results == [{"id": 3, "title": "third"}]


async def test_meta_tells_reads_from_writes_and_sees_a_new_table(db):
    read = await db.prepare("SELECT 1").run()
    nothing = await db.prepare("DELETE FROM notes WHERE id = 99").run()
    table = await db.prepare("CREATE TABLE other (a)").run()

    assert (read.meta.changes, read.meta.changed_db) == (0, False)
    assert (nothing.meta.changes, nothing.meta.changed_db) == (0, False)
    assert (table.meta.changes, table.meta.changed_db) == (0, True)
    assert table.meta.size_after > read.meta.size_after > 0


async def test_first_gives_the_row_or_the_value_of_a_column_or_none(db):
    notes = db.prepare("SELECT title, NULL AS empty FROM notes WHERE id = ?")

    assert await notes.bind(1).first() == {"title": "first", "empty": None}
    assert await notes.bind(1).first("title") == "first"
    assert await notes.bind(1).first("empty") is None
    assert await notes.bind(9).first() is None
    assert await notes.bind(9).first("title") is None


async def test_first_of_an_unknown_column_says_so(db):
    with pytest.raises(D1Error, match=r"^D1_COLUMN_NOTFOUND: Column not found \(titel\)$"):
        await db.prepare("SELECT title FROM notes").first("titel")


async def test_raw_gives_lists_and_keeps_columns_of_the_same_name(db):
    same = db.prepare("SELECT 1 AS a, 2 AS a")

    assert await same.raw() == [[1, 2]]
    assert await same.raw({"columnNames": True}) == [["a", "a"], [1, 2]]
    assert await same.raw(columnNames=True) == await same.raw(column_names=True) == [["a", "a"], [1, 2]]
    assert (await same.all()).results == [{"a": 2}]


async def test_bind_gives_another_statement_and_leaves_the_first_as_it_was(db):
    statement = db.prepare("SELECT ? AS value")
    one, two = statement.bind(1), statement.bind(2)

    assert await two.first("value") == 2
    assert await one.first("value") == 1
    with pytest.raises(D1Error, match=r"^D1_ERROR: Wrong number of parameter bindings for SQL query\.$"):
        await statement.run()


async def test_numbered_parameters_may_be_used_twice(db):
    assert await db.prepare("SELECT ?2 AS b, ?1 AS a, ?2 AS c").bind("x", "y").raw() == [["y", "x", "y"]]


@pytest.mark.parametrize("name", [":a", "@a", "$a"])
async def test_named_parameters_are_refused(db, name):
    with pytest.raises(D1Error, match="D1_ERROR: Named parameters are not supported"):
        await db.prepare(f"SELECT {name}").bind(1).run()


async def test_one_hundred_parameters_are_taken_and_one_more_is_refused(db):
    def asking(count):
        return db.prepare(f"SELECT {', '.join('?' * count)}").bind(*range(count))

    assert (await asking(100).raw()) == [list(range(100))]
    with pytest.raises(D1Error, match="D1_ERROR: too many SQL variables"):
        await asking(101).run()


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("text", "text"),
        (1, 1),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        (None, None),
        (True, 1),
        (False, 0),
        (b"\x00\xff", [0, 255]),
        (bytearray(b"ab"), [97, 98]),
        (memoryview(b"ab"), [97, 98]),
        ([0, 255], [0, 255]),
        (b"", []),
        (Colour.RED, "red"),
        (Size.BIG, 3),
        (Ratio(0.5), 0.5),
    ],
)
async def test_values_are_stored_and_read_back(db, given, read):
    await db.prepare("UPDATE notes SET body = ?").bind(given).run()

    assert await db.prepare("SELECT body FROM notes").first("body") == read
    assert await db.prepare("SELECT body FROM notes").raw() == [[read]]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"a": 1}, "Type 'dict' not supported for value '{'a': 1}'"),
        ([1, 256], "Type 'list' not supported for value '[1, 256]'"),
        (object, "Type 'type' not supported for value '<class 'object'>'"),
        (2**63, f"Type 'int' not supported for value '{2**63}'"),
        ("\ud800", "Type 'str' not supported for value ''\\ud800''"),
        (("x" * 300,), f"Type 'tuple' not supported for value '('{'x' * 197}…'"),
        (Hostile(), "Type 'Hostile' not supported for value '…'"),
    ],
)
def test_other_values_are_refused_before_anything_is_sent(empty, given, text):
    with pytest.raises(D1Error) as refused:
        empty.prepare("SELECT ?").bind(given)

    assert str(refused.value) == f"D1_TYPE_ERROR: {text}"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("INSERT INTO notes (title) VALUES ('first')", "UNIQUE constraint failed: notes.title"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("CREATE TABLE a (", "incomplete input"),
        ("SELECT 'a", 'unrecognized token: "\'a"'),
        ("", "No SQL statements detected."),
        ("  -- nothing\n/* at all */ ;", "No SQL statements detected."),
        ("SELECT \0", "The statement contains a null character."),
        ("SELECT '\ud800'", "The statement contains a lone surrogate."),
    ],
)
async def test_refusals_have_the_text_of_sqlite(db, sql, text):
    with pytest.raises(D1Error) as refused:
        await db.prepare(sql).run()

    assert str(refused.value) == f"D1_ERROR: {text}"
    assert refused.value.cause == text


@pytest.mark.parametrize("sql", ["BEGIN", "begin immediate", "COMMIT", "/* x */ END", "ROLLBACK", "SAVEPOINT a"])
async def test_transactions_of_a_statements_own_are_refused(db, sql):
    with pytest.raises(D1Error, match=r"D1_ERROR: To run statements as one transaction, use batch\(\)"):
        await db.prepare(sql).run()


@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH '/tmp/other' AS other",
        "VACUUM INTO '/tmp/other'",
        "VACUUM",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA main.writable_schema = ON",
        "PRAGMA page_size = 512",
        "EXPLAIN PRAGMA case_sensitive_like = ON",
        "EXPLAIN QUERY PLAN PRAGMA query_only = OFF",
        "CREATE TEMP TABLE t (a)",
        "CREATE TABLE temp.t (a)",
        "CREATE TEMP VIEW v AS SELECT 1",
    ],
)
async def test_what_reaches_beyond_the_database_or_the_call_is_not_authorized(db, sql):
    with pytest.raises(D1Error, match=r"^D1_ERROR: not authorized$"):
        await db.prepare(sql).run()


async def test_a_statement_that_would_keep_the_event_loop_busy_is_refused(db):
    with pytest.raises(D1Error, match=r"The statement has 100009 characters; at most 100000") as refused:
        await db.batch([db.prepare("SELECT 1"), db.prepare(f"SELECT '{'x' * 100_000}'")])

    assert refused.value.statement == 1


async def test_a_value_that_no_message_could_hold_is_refused(db):
    for value in ("zeroblob(1000000000)", "hex(zeroblob(17000000))", "randomblob(1000000000)"):
        with pytest.raises(D1Error, match=r"^D1_ERROR: string or blob too big$"):
            await db.prepare(f"SELECT length({value})").run()


async def test_what_only_reads_cannot_write_by_a_trick(db):
    with pytest.raises(D1Error):
        await db.prepare("SELECT * FROM pragma_journal_mode('delete')").run()
    written = await db.prepare("WITH new AS (SELECT 'w' AS t) INSERT INTO notes (title) SELECT t FROM new").run()

    assert written.meta.changes == 1


async def test_tables_are_described_and_altered_and_searched_as_upstream(db):
    await db.exec("ALTER TABLE notes RENAME COLUMN body TO text\nCREATE VIRTUAL TABLE found USING fts5 (words)")
    await db.prepare("INSERT INTO found VALUES ('a long story')").run()

    assert await db.prepare("SELECT words FROM found WHERE found MATCH 'story'").first("words") == "a long story"
    names = [row[1] for row in await db.prepare("PRAGMA main.table_info(notes)").raw()]
    assert names == ["id", "title", "text"]


async def test_foreign_keys_hold_and_may_be_deferred_to_the_end_of_a_batch(empty):
    await empty.exec("CREATE TABLE a (id INTEGER PRIMARY KEY)\nCREATE TABLE b (a REFERENCES a)")
    child, parent = empty.prepare("INSERT INTO b VALUES (1)"), empty.prepare("INSERT INTO a VALUES (1)")
    defer = empty.prepare("PRAGMA defer_foreign_keys = ON")

    with pytest.raises(D1Error, match=r"^D1_ERROR: FOREIGN KEY constraint failed$"):
        await child.run()
    with pytest.raises(D1Error, match=r"^D1_ERROR: FOREIGN KEY constraint failed$"):
        await empty.batch([defer, child])
    assert await empty.prepare("SELECT count(*) AS n FROM b").first("n") == 0
    await empty.batch([defer, child, parent])
    assert await empty.prepare("SELECT count(*) AS n FROM b").first("n") == 1


async def test_batch_gives_results_in_order(db):
    insert = db.prepare("INSERT INTO notes (title) VALUES (?)")

    results = await db.batch([insert.bind("a"), insert.bind("b"), db.prepare("SELECT count(*) AS n FROM notes")])

    assert [result.meta.changes for result in results] == [1, 1, 0]
    assert results[2].results == [{"n": 3}]


async def test_failing_statement_of_a_batch_rolls_all_back(db):
    insert = db.prepare("INSERT INTO notes (title) VALUES (?)")

    with pytest.raises(D1Error, match="UNIQUE") as refused:
        await db.batch([insert.bind("a"), insert.bind("first"), insert.bind("b")])

    assert refused.value.statement == 1
    assert refused.value.sqlite == "SQLITE_CONSTRAINT_UNIQUE"
    assert isinstance(refused.value.__cause__, sqlite3.IntegrityError)
    assert await db.prepare("SELECT count(*) AS n FROM notes").first("n") == 1
    assert (await db.batch([insert.bind("a")]))[0].meta.changes == 1


async def test_statement_that_rolls_back_by_itself_ends_the_batch_too(db):
    insert = db.prepare("INSERT OR ROLLBACK INTO notes (title) VALUES (?)")

    with pytest.raises(D1Error, match="UNIQUE"):
        await db.batch([insert.bind("a"), insert.bind("first")])

    assert await db.prepare("SELECT count(*) AS n FROM notes").first("n") == 1


async def test_empty_batch_and_batch_of_something_else_are_refused(db):
    with pytest.raises(D1Error, match=r"^D1_ERROR: No SQL statements detected\.$"):
        await db.batch([])
    with pytest.raises(TypeError, match=r"batch\(\) takes prepared statements"):
        await db.batch(["SELECT 1"])


async def test_text_of_several_statements_runs_them_in_order_and_answers_with_the_last(db):
    result = (
        await db.prepare("INSERT INTO notes (title) VALUES ('a'); SELECT title FROM notes WHERE id = ?").bind(2).run()
    )

    assert result.results == [{"title": "a"}]
    assert result.meta.changes == 1


async def test_exec_runs_each_line_and_counts_them(db):
    done = await db.exec("\n-- two lines\nINSERT INTO notes (title) VALUES ('a');\nDELETE FROM notes WHERE id = 1\n")

    assert (done.count, done["count"]) == (2, 2)
    assert done.duration > 0
    assert await db.prepare("SELECT title FROM notes").raw() == [["a"]]


async def test_exec_says_which_line_failed_and_does_nothing(db):
    with pytest.raises(D1Error) as refused:
        await db.exec("INSERT INTO notes (title) VALUES ('a')\nINSERT INTO nowhere VALUES (1)")

    text = "Error in line 2: INSERT INTO nowhere VALUES (1): no such table: nowhere"
    assert str(refused.value) == f"D1_EXEC_ERROR: {text}"
    assert await db.prepare("SELECT count(*) AS n FROM notes").first("n") == 1


async def test_exec_of_nothing_is_refused(db):
    with pytest.raises(D1Error, match=r"^D1_EXEC_ERROR: No SQL statements detected\.$"):
        await db.exec(" ")


async def test_statement_must_be_text(db):
    with pytest.raises(D1Error, match=r"^D1_TYPE_ERROR: Type 'int' not supported for value '1'$"):
        db.prepare(1)


async def test_dump_is_a_file_of_sqlite(db, tmp_path):
    (tmp_path / "copy.sqlite").write_bytes(await db.dump())

    copy = sqlite3.connect(tmp_path / "copy.sqlite")
    assert copy.execute("SELECT title FROM notes").fetchall() == [("first",)]
    copy.close()


async def test_file_that_is_no_database_is_an_error_of_the_call(file, empty):
    file.path.parent.mkdir()
    file.path.write_bytes(b"no database at all, but long enough to be looked at as one" * 20)

    with pytest.raises(D1Error, match=r"^D1_ERROR: file is not a database$"):
        await empty.prepare("SELECT 1").run()


async def test_bookmark_is_none_before_the_first_query_and_only_rises(db):
    session = db.with_session()
    seen = [session.get_bookmark()]
    for _ in range(3):
        await session.prepare("SELECT 1").run()
        seen.append(session.getBookmark())
    await session.batch([session.prepare("SELECT 1")])
    seen.append(session.get_bookmark())

    assert seen[0] is None
    assert seen[1:] == sorted(set(seen[1:]))


async def test_session_of_a_bookmark_begins_with_it_and_sees_what_was_written(db):
    first = db.withSession("first-primary")
    await first.prepare("INSERT INTO notes (title) VALUES ('seen')").run()

    second = db.withSession(f" {first.getBookmark()} ")

    assert second.get_bookmark() == first.get_bookmark()
    assert await second.prepare("SELECT count(*) AS n FROM notes").first("n") == 2
    assert second.get_bookmark() > first.get_bookmark()


async def test_bookmark_never_falls_back(db):
    session = db.with_session("ffffffffffffffff")

    await session.prepare("SELECT 1").run()

    assert session.get_bookmark() == "ffffffffffffffff"


@pytest.mark.parametrize("asked", [None, "", "  ", "first-unconstrained", "first-primary"])
def test_constraint_is_no_bookmark(empty, asked):
    assert empty.with_session(asked).get_bookmark() is None


@pytest.mark.parametrize("asked", ["first-anything", "%%%", 7])
def test_session_of_neither_constraint_nor_bookmark_is_refused(empty, asked):
    with pytest.raises(D1Error, match=r"^D1_SESSION_ERROR: invalid bookmark or constraint$"):
        empty.with_session(asked)


async def test_error_is_known_by_its_name_at_a_caller_and_again_where_the_database_is_served(db):
    with pytest.raises(D1Error) as refused:
        await db.batch([db.prepare("SELECT 1"), db.prepare("INSERT INTO notes (title) VALUES ('first')")])

    arrived = load(decode(encode(dump(refused.value))))

    assert isinstance(arrived, RemoteError)
    assert (arrived.name, arrived.message) == ("D1Error", "D1_ERROR: UNIQUE constraint failed: notes.title")
    again = received(arrived)
    assert isinstance(again, D1Error)
    assert (str(again), again.sqlite, again.statement) == (arrived.message, "SQLITE_CONSTRAINT_UNIQUE", 1)
    other = RemoteError("Odd", "D1_ERROR: no")
    assert received(other) is other

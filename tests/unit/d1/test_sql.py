"""SQL: where statements end, and what they are."""

import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.sql import only_reads, statements

TRIGGER = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = CASE WHEN 1 THEN 2 END; DELETE FROM c; END;"


def texts(sql: str) -> list[str]:
    return [statement.text for statement in statements(sql)]


def test_semicolons_end_statements_but_not_in_quotes_and_comments():
    sql = """ SELECT ';' ; -- one; two
              SELECT ";", `;`, [;] /* ; */;; SELECT 'it''s;' """

    assert texts(sql) == ["SELECT ';' ;", 'SELECT ";", `;`, [;] /* ; */;', "SELECT 'it''s;'"]


def test_the_body_of_a_trigger_is_one_statement():
    assert texts(f"SELECT 1; {TRIGGER} SELECT 2") == ["SELECT 1;", TRIGGER, "SELECT 2"]


@pytest.mark.parametrize("sql", ["", " \n\t", "-- only", "/* only */ ; ;", "/* no end", "\ufeff"])
def test_comments_and_white_space_are_no_statement(sql):
    assert statements(sql) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  /* a */ select 1",
        "VALUES (1)",
        "EXPLAIN QUERY PLAN DELETE FROM a",
        "WITH a AS (SELECT 1), b AS (VALUES (2)) SELECT * FROM a, b",
        "WITH RECURSIVE a(n) AS (SELECT 1 UNION SELECT n + 1 FROM a) SELECT replace(n, 1, 2) FROM a",
        "PRAGMA table_info(a)",
        "pragma main . table_info = a",
        "SELECT 1; SELECT 2",
    ],
)
def test_what_only_reads_is_known(sql):
    assert only_reads(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO a VALUES (1)",
        "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a",
        "WITH a AS (SELECT 1) DELETE FROM b",
        "WITH",
        "PRAGMA foreign_keys = ON",
        "PRAGMA",
        "SELECT 1; DELETE FROM a",
        "REINDEX",
        "(",
    ],
)
def test_what_may_write_is_known(sql):
    assert not only_reads(sql)


@pytest.mark.parametrize(
    "sql", ["COMMIT", "\ufeffcommit", "--x\nCommit;", "/*/ */COMMIT", "Release a", "ATTACH 'x' AS y"]
)
def test_what_is_refused_is_seen_behind_comments_and_in_any_case(sql):
    (statement,) = statements(sql)

    assert statement.refusal


PIECES = st.sampled_from(
    [
        "SELECT 1",
        "';'",
        '"',
        "'",
        "`",
        "[",
        "]",
        "--",
        "/*",
        "*/",
        "\n",
        ";",
        " ",
        "BEGIN",
        "END",
        "CREATE TRIGGER",
        "a",
    ]
)


@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=30).map(" ".join), st.lists(PIECES).map("".join)))
def test_the_driver_sees_one_statement_where_we_do(sql):
    try:
        found = texts(sql)
    except D1Error:
        return
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for text in found:
        assert text in sql
        try:
            connection.execute(text)
        except sqlite3.ProgrammingError as error:
            pytest.fail(f"{text!r}: {error}")
        except (sqlite3.Error, sqlite3.Warning) as error:
            assert "one statement" not in str(error)  # noqa: PT017 -- any other refusal is as good
    connection.close()


@given(st.lists(st.sampled_from(["SELECT ';'", "SELECT 1 -- x;\n", "DELETE FROM a /* ; */", TRIGGER[:-1]]), max_size=6))
def test_joined_statements_come_apart_again(parts):
    joined = "".join(f"{part};\n-- between;\n" for part in parts)

    assert texts(joined) == [f"{part};" for part in parts]


_WORDS = ["explain", "query", "plan", "CREATE", "Temp", "temporary", "TRIGGER", "END", "'end'", "begin", ";", ";", "a"]


@given(st.lists(st.sampled_from(_WORDS)))
def test_a_statement_ends_where_sqlite_says(words):
    sql = " ".join(words)

    for statement in statements(sql):
        assert sqlite3.complete_statement(statement.text) or not statement.text.endswith(";")
        parts = statement.text.split(";")
        assert not any(sqlite3.complete_statement(";".join(parts[:end]) + ";") for end in range(1, len(parts) - 1))


def test_the_end_of_a_long_trigger_is_found_in_one_pass():
    body = "SELECT 1;" * 20_000
    begun = time.process_time()

    assert len(statements(f"CREATE TRIGGER t AFTER INSERT ON a BEGIN {body} END; SELECT 2")) == 2
    assert time.process_time() - begun < 2

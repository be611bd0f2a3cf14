"""`env.DB`: a D1 database as the code of a service sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.query import Query, Store
from worker_runtime.d1.result import D1ExecResult, D1Result, as_lists, as_results
from worker_runtime.d1.session import FIRST_UNCONSTRAINED, Bookmarks, check_constraint
from worker_runtime.d1.values import Scalar, stored


class D1PreparedStatement:
    """A statement and the values of its parameters; nothing is sent before it is run, as often as wanted."""

    __slots__ = ("_params", "_sql", "_target")

    def __init__(self, target: Target, sql: str, params: Sequence[Scalar] = ()) -> None:
        self._target = target
        self._sql = sql
        self._params = tuple(params)

    @property
    def query(self) -> Query:
        """What is sent."""
        return Query(self._sql, self._params)

    def bind(self, *values: object) -> D1PreparedStatement:
        """Another statement with these values for `?`, in their order, or for `?1`, `?2`, …; this one stays as it is.

        Raises:
            D1Error: A database stores nothing of the kind (`D1_TYPE_ERROR`).
        """
        return D1PreparedStatement(self._target, self._sql, [stored(value) for value in values])

    async def run(self) -> D1Result:
        """Run the statement and return its rows and what it did.

        When it returns, what was written is on disk. If cancelled, it was done whole or, as a rule,
        not at all, and nothing of it runs any more.

        Raises:
            D1Error: The database refuses it; nothing has changed.
        """
        (result,) = await self._target.batch([self])
        return result

    async def all(self) -> D1Result:
        """The same as `run`."""
        return await self.run()

    async def first(self, column: str | None = None) -> Any:
        """The first row as a dict, or its value in *column*; None where there is no row.

        Raises:
            D1Error: As for `run`, and `D1_COLUMN_NOTFOUND`.
        """
        rows = (await self.run()).results
        if not rows or column is None:
            return rows[0] if rows else None
        if column not in rows[0]:
            raise D1Error(f"Column not found ({column})", "D1_COLUMN_NOTFOUND")
        return rows[0][column]

    async def raw(
        self,
        options: Mapping[str, bool] | None = None,
        *,
        column_names: bool = False,
        columnNames: bool = False,  # noqa: N803 -- as upstream
    ) -> list[list[Any]]:
        """The rows as lists; with *column_names* (or `{"columnNames": True}`) the first list holds the names.

        Raises:
            D1Error: As for `run`.
        """
        columns, rows = await self._target.send([self.query], as_lists)
        named = column_names or columnNames or bool(options and options.get("columnNames"))
        return [columns, *rows] if named else rows

    def __repr__(self) -> str:
        return f"<D1 statement {self._sql:.80}>"


class Target:
    """What statements are sent through: a database, or a session on one."""

    def __init__(self, store: Store) -> None:
        self._store: Final = store

    def prepare(self, sql: str) -> D1PreparedStatement:
        """A statement; nothing is sent yet.

        Raises:
            D1Error: *sql* is no text.
        """
        return D1PreparedStatement(self, _text(sql))

    async def batch(self, prepared: Iterable[D1PreparedStatement]) -> list[D1Result]:
        """Run statements as one transaction and return their results in order.

        When it returns, what was written is on disk. If cancelled, all of it was done or, as a rule,
        nothing.

        Raises:
            D1Error: The database refuses one of them; none has any effect, and `statement` says which it was.
            TypeError: One of them is no prepared statement.
        """
        return await self.send([_query(item) for item in prepared], as_results)

    async def send(self, queries: Sequence[Query], shape: Any) -> Any:
        """Run *queries* as one transaction; see `Store.run`."""
        return await self._store.run(queries, shape)


class D1Database(Target):
    """A D1 database. Objects of this class stand on `env`; nobody else makes them."""

    @property
    def store(self) -> Store:
        """Where the database is."""
        return self._store

    async def exec(self, sql: str) -> D1ExecResult:
        """Run *sql*, each line of which is one statement or several, as one transaction.

        When it returns, what was written is on disk. If cancelled, all of it was done or, as a rule,
        nothing.

        Raises:
            D1Error: A line is refused (`D1_EXEC_ERROR`, which says which); none has any effect.
        """
        lines = _text(sql).strip().split("\n")
        try:
            results = await self.send([Query(line) for line in lines], as_results)
        except D1Error as error:
            # Some failures show only when all lines have run.
            at = error.statement
            cause = error.cause if at is None else f"Error in line {at + 1}: {lines[at]}: {error.cause}"
            raise D1Error(cause, "D1_EXEC_ERROR", sqlite=error.sqlite, statement=at) from error
        return D1ExecResult(count=len(results), duration=sum(result.meta.duration for result in results))

    def with_session(self, constraint_or_bookmark: str | None = None) -> D1DatabaseSession:
        """A session: "first-unconstrained" (the default), "first-primary", or a bookmark of another session.

        There is one copy of a database, so each of its queries sees all that was written before it,
        whatever is asked for.

        Raises:
            D1Error: What is asked for is neither (`D1_SESSION_ERROR`).
        """
        return D1DatabaseSession(self._store, constraint_or_bookmark)

    withSession = with_session  # noqa: N815

    async def dump(self) -> bytes:
        """The whole database as a file of SQLite. Safe to cancel.

        Raises:
            D1Error: It could not be read (`D1_DUMP_ERROR`).
        """
        return await self._store.dump()

    def __repr__(self) -> str:
        return f"<D1 database {self._store.database_id}>"


class D1DatabaseSession(Target):
    """A session on a database: its bookmark names the newest state that it has seen."""

    def __init__(self, store: Store, constraint_or_bookmark: str | None = None) -> None:
        super().__init__(store)
        self._bookmarks = Bookmarks(check_constraint(constraint_or_bookmark or FIRST_UNCONSTRAINED))

    async def send(self, queries: Sequence[Query], shape: Any) -> Any:
        """Run *queries* as one transaction and move the bookmark on; see `Store.run`."""
        answer = await super().send(queries, shape)
        self._bookmarks.advance()
        return answer

    def get_bookmark(self) -> str | None:
        """The newest bookmark; None before the first query, unless the session began with one."""
        return self._bookmarks.newest

    getBookmark = get_bookmark  # noqa: N815

    def __repr__(self) -> str:
        return f"<session on {self._store.database_id}>"


def _query(prepared: object) -> Query:
    if not isinstance(prepared, D1PreparedStatement):
        raise TypeError(f"batch() takes prepared statements, as prepare() gives them, not {prepared!r:.80}.")
    return prepared.query


def _text(sql: object) -> str:
    if not isinstance(sql, str):
        raise D1Error(f"Type '{type(sql).__name__}' not supported for value '{sql!s:.200}'", "D1_TYPE_ERROR")
    return sql

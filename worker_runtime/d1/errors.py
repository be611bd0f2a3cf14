"""`D1Error`: everything that a database refuses, with the texts that people search for."""

from __future__ import annotations

import sqlite3
from typing import Final, Self

from broker.errors import RemoteError

NO_STATEMENTS: Final = "No SQL statements detected."
WRONG_COUNT: Final = "Wrong number of parameter bindings for SQL query."
_UNKNOWN: Final = "Something went wrong"


class D1Error(RuntimeError):
    """Raised when a database refuses something; its text is `CODE: what happened`.

    At a caller of the service that raised it, it is a `RemoteError` with the `name` "D1Error", the
    same text and the same attributes, as with any exception of a service's own.

    Attributes:
        code: "D1_ERROR", "D1_EXEC_ERROR", "D1_TYPE_ERROR", "D1_COLUMN_NOTFOUND", "D1_SESSION_ERROR" or "D1_DUMP_ERROR".
        cause: What happened, without the code.
        sqlite: SQLite's name for it, such as "SQLITE_CONSTRAINT_UNIQUE", where SQLite said it.
        statement: The place (from 0) of what failed among the statements that were sent together.
    """

    code: str
    cause: str
    sqlite: str | None
    statement: int | None

    def __init__(
        self, cause: str, code: str = "D1_ERROR", *, sqlite: str | None = None, statement: int | None = None
    ) -> None:
        super().__init__(f"{code}: {cause}")
        self.code, self.cause, self.sqlite, self.statement = code, cause, sqlite, statement

    def __reduce__(self) -> tuple[type[Self], tuple[str, str], dict[str, object]]:
        return type(self), (self.cause, self.code), dict(self.__dict__)


def refused(error: Exception, statement: int | None = None) -> D1Error:
    """Return what *error*, which the driver raised, means."""
    text = str(error) or _UNKNOWN
    if text.startswith("Incorrect number of bindings supplied"):
        text = WRONG_COUNT
    # Only what SQLite itself said has a name.
    name = getattr(error, "sqlite_errorname", None) if isinstance(error, sqlite3.Error) else None
    return D1Error(text, sqlite=name, statement=statement)


def received(error: RemoteError) -> Exception:
    """Return the `D1Error` that *error* was at the service that holds the database, or *error* itself."""
    code, separator, cause = error.message.partition(": ")
    if error.name != D1Error.__name__ or not separator:
        return error
    sqlite, statement = getattr(error, "sqlite", None), getattr(error, "statement", None)
    return D1Error(
        cause,
        code,
        sqlite=sqlite if isinstance(sqlite, str) else None,
        statement=statement if isinstance(statement, int) else None,
    )

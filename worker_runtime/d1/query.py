"""What is sent to a database, and the two ways to get there: a file here, or a service that holds the file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.result import Rows
from worker_runtime.d1.sql import only_reads
from worker_runtime.d1.values import Scalar

LONGEST_SQL: Final = 100_000
"""Characters of a statement at most, as upstream: it is looked through on the event loop."""

Shaped = TypeVar("Shaped")


class Query(NamedTuple):
    """A statement with the values of its parameters."""

    sql: str
    params: Sequence[Scalar] = ()


class Store(Protocol):
    """Where a database is."""

    @property
    def database_id(self) -> str:
        """The ID by which workers that share the database know it."""
        ...

    async def run(self, queries: Sequence[Query], shape: Callable[[Sequence[Rows]], Shaped]) -> Shaped:
        """Run *queries* as one transaction and return what *shape* makes of their answers.

        When it returns, what was written is on disk. If cancelled, nothing of it runs any more: it
        was done whole or, as a rule, not at all.

        Raises:
            D1Error: One of them failed, and none has any effect; `statement` says which.
        """
        ...

    async def dump(self) -> bytes:
        """Return the whole database as a file of SQLite. Safe to cancel.

        Raises:
            D1Error: It could not be read.
        """
        ...


def all_read(queries: Sequence[Query]) -> bool:
    """Return whether none of *queries* changes anything.

    Raises:
        D1Error: One is longer than `LONGEST_SQL`, or holds characters that no statement can.
    """
    for index, query in enumerate(queries):
        if len(query.sql) > LONGEST_SQL:
            text = f"The statement has {len(query.sql)} characters; at most {LONGEST_SQL} are allowed."
            raise D1Error(text, statement=index)
    return all(only_reads(query.sql) for query in queries)

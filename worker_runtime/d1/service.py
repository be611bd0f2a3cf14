"""`D1Service`: the entrypoint through which a service shares its databases, and the store that calls it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.errors import RemoteError
from client.stubs.stub import Stub
from worker_runtime import policy
from worker_runtime.d1.database import D1Database
from worker_runtime.d1.errors import D1Error, received
from worker_runtime.d1.file import DatabaseFile
from worker_runtime.d1.query import Query, Shaped, all_read
from worker_runtime.d1.result import Rows
from worker_runtime.d1.values import stored
from worker_runtime.entrypoint import WorkerEntrypoint

ENTRYPOINT: Final = "D1Service"
"""The name of the entrypoint, unless a binding says another."""


class D1Service(WorkerEntrypoint):
    """Offers the databases that its service holds to workers on other machines.

    A service offers it by importing it in its main module. Whoever may call it may do everything
    with every database of the service.
    """

    async def read(self, database_id: str, queries: list[Any]) -> list[Any]:
        """Run queries that change nothing, as one transaction.

        Raises:
            D1Error: one of them changes something, or the database refuses it.
        """
        asked = _queries(queries)
        if not all_read(asked):
            raise D1Error("read() takes queries that change nothing.")
        return await self._held(database_id).run(asked, _plain)

    # A worker may be lost after its commit and before its reply; a write that ran again would count twice.
    @policy(retries=0)
    async def write(self, database_id: str, queries: list[Any]) -> list[Any]:
        """Run queries as one transaction, at most once.

        Raises:
            D1Error: the database refuses one of them; then none has any effect.
        """
        return await self._held(database_id).run(_queries(queries), _plain)

    async def dump(self, database_id: str) -> bytes:
        """The whole database as a file of SQLite."""
        return await self._held(database_id).dump()

    def _held(self, database_id: str) -> DatabaseFile:
        held = {
            value.store.database_id: value.store
            for value in (getattr(self.env, name) for name in self.env)
            if isinstance(value, D1Database) and isinstance(value.store, DatabaseFile)
        }
        if database_id not in held:
            there = ", ".join(sorted(held)) or "none"
            raise D1Error(f"This service holds no database {database_id!r:.100}; it holds: {there}.")
        return held[database_id]


class ServedDatabase:
    """A database that a service holds, wherever that service runs."""

    def __init__(self, stub: Stub, database_id: str) -> None:
        self._stub: Final = stub
        self.database_id: Final = database_id

    async def run(self, queries: Sequence[Query], shape: Callable[[Sequence[Rows]], Shaped]) -> Shaped:
        """Run *queries* as one transaction; see `Store.run`.

        Raises:
            D1Error: The database refuses one of them.
            RpcError: The call failed. A write that was begun and whose worker was lost is a
                `CallAbandoned`: it is not run again, and may have been done.
        """
        method = self._stub.read if all_read(queries) else self._stub.write
        plain = [[query.sql, list(query.params)] for query in queries]
        try:
            answers = await method(self.database_id, plain)
        except RemoteError as error:
            raise received(error) from error
        return shape([Rows(*answer) for answer in answers])

    async def dump(self) -> bytes:
        """Return the whole database as a file of SQLite; see `Store.dump`.

        Raises:
            RpcError: The call failed; a database above the limit for messages does not fit into a reply.
        """
        try:
            return await self._stub.dump(self.database_id)
        except RemoteError as error:
            raise received(error) from error


def _queries(plain: list[Any]) -> list[Query]:
    found: list[Query] = []
    for item in plain:
        match item:
            case [str(sql), [*params]]:
                found.append(Query(sql, [stored(value) for value in params]))
            case _:
                raise D1Error("A query is its text and the list of its parameters.")
    return found


def _plain(answers: Sequence[Rows]) -> list[Any]:
    return [[list(answer.columns), [list(row) for row in answer.rows], dict(answer.meta)] for answer in answers]

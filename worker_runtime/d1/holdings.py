"""The databases of the services of one process: bound to names, migrated at the start, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from broker.errors import ConfigurationError
from client.calling.caller import Caller
from client.stubs.stub import bind
from worker_runtime.config import D1Binding, ServiceConfig
from worker_runtime.d1.database import D1Database
from worker_runtime.d1.errors import D1Error
from worker_runtime.d1.file import DatabaseFile
from worker_runtime.d1.migrations import Migration, MigrationFailed, apply, find_migrations
from worker_runtime.d1.service import ServedDatabase

_CLOSING_SECONDS: Final = 1.0


class Held(NamedTuple):
    """A database whose file stands here, with what its configuration says of migrations."""

    binding: D1Binding
    file: DatabaseFile
    migrations: Sequence[Migration]
    config: ServiceConfig

    def migrate(self) -> list[Migration]:
        """Apply what was not applied yet and return it. Blocking.

        Raises:
            ConfigurationError: The file cannot be opened, or a migration failed.
        """
        try:
            with self.file.writer() as connection:
                return apply(connection, self.migrations, self.binding.migrations_table)
        except MigrationFailed as error:
            raise ConfigurationError(f"{error.migration.path}: {error}", file=str(error.migration.path)) from error
        except D1Error as error:
            where = f"{self.config.file}: d1_databases: {self.binding.binding}"
            raise ConfigurationError(f"{where}: {self.file.path}: {error}", file=str(self.config.file)) from error


class Holdings:
    """The files of databases that one process uses; two bindings to the same file share it."""

    def __init__(self) -> None:
        self._files: dict[Path, DatabaseFile] = {}
        self._held: list[Held] = []

    def bind(self, config: ServiceConfig, caller: Caller) -> Iterator[tuple[str, D1Database]]:
        """Yield the names and databases that *config* puts on `env`; no file is opened before it is used."""
        for binding in config.databases:
            if binding.service is None:
                yield binding.binding, D1Database(self.hold(config, binding).file)
            else:
                stub = bind(caller, binding.service, binding.entrypoint)
                yield binding.binding, D1Database(ServedDatabase(stub, binding.key))

    def hold(self, config: ServiceConfig, binding: D1Binding) -> Held:
        """Take a database that is a file here into the holdings."""
        path = config.database_file(binding)
        file = self._files.setdefault(path, DatabaseFile(path, binding.key))
        held = Held(binding, file, find_migrations(config.directory, binding.pattern), config)
        self._held.append(held)
        return held

    async def migrate(self) -> None:
        """Make the files where they are missing, and apply the migrations that were not.

        If cancelled, those that were begun are brought to their end.

        Raises:
            ConfigurationError: A file cannot be opened, or a migration failed.
        """
        for held in self._held:
            await asyncio.to_thread(held.migrate)

    async def aclose(self) -> None:
        """Close the files once what runs on them has ended, or return after a moment and leave that to the process."""
        closing = asyncio.create_task(asyncio.to_thread(self.close))
        await asyncio.wait([closing], timeout=_CLOSING_SECONDS)

    def close(self) -> None:
        """Wait for what runs and close the files. Blocking."""
        for file in self._files.values():
            file.close()

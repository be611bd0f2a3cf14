"""The command line `python -m worker_runtime d1`: migrations, and statements by hand."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from broker.errors import ConfigurationError
from worker_runtime.config import D1Binding, ServiceConfig, load
from worker_runtime.d1.errors import NO_STATEMENTS, D1Error
from worker_runtime.d1.holdings import Held, Holdings
from worker_runtime.d1.migrations import pending
from worker_runtime.d1.query import Query
from worker_runtime.d1.result import as_results
from worker_runtime.d1.sql import statements
from worker_runtime.exits import Exit, say

_COMMANDS = ("migrations", "execute", "-h", "--help")


def asked_for(arguments: Sequence[str]) -> bool:
    """Return whether a command line is one of these; a folder "d1" may still be served by that name."""
    return arguments[:1] == ["d1"] and (arguments[1:2] == [] or arguments[1] in _COMMANDS) and not _is_folder(arguments)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; every mistake is a clear line on standard error."""
    given = _parser().parse_args(arguments)
    try:
        with _held(given) as held:
            return given.run(held, given)
    except ConfigurationError as error:
        return _fail(error, Exit.CONFIGURATION)
    except (D1Error, OSError, UnicodeError) as error:
        return _fail(error, Exit.CRASHED)


def _is_folder(arguments: Sequence[str]) -> bool:
    return len(arguments) == 1 and Path(arguments[0]).exists()


def _fail(error: Exception, code: Exit) -> int:
    for line in str(error).splitlines():
        say(f"error: {line}", sys.stderr)
    return code


def _list(held: Held, given: argparse.Namespace) -> int:
    missing = held.migrations
    # Looking makes no file.
    if held.file.path.exists():
        with held.file.writer() as connection:
            missing = pending(connection, held.migrations, held.binding.migrations_table)
    if given.json:
        print(json.dumps([{"name": m.name, "applied": m not in missing} for m in held.migrations]))
        return Exit.DRAINED
    for migration in held.migrations:
        print(f"{'to apply' if migration in missing else 'applied '} {migration.name}")
    if not held.migrations:
        print(f"no migrations match {held.binding.pattern}")
    return Exit.DRAINED


def _apply(held: Held, given: argparse.Namespace) -> int:
    done = held.migrate()
    if given.json:
        print(json.dumps([{"name": migration.name, "applied": True} for migration in done]))
        return Exit.DRAINED
    for migration in done:
        print(f"applied {migration.name}")
    if not done:
        print("nothing to apply")
    return Exit.DRAINED


def _execute(held: Held, given: argparse.Namespace) -> int:
    sql = given.command if given.file is None else Path(given.file).read_text(encoding="utf-8-sig")
    queries = [Query(statement.text) for statement in statements(sql)]
    if not queries:
        raise D1Error(NO_STATEMENTS)
    with held.file.writer() as connection:
        results = as_results(connection.write(queries))
    if given.json:
        plain = [{"success": True, "results": result.results, "meta": dict(result.meta)} for result in results]
        print(json.dumps(plain, ensure_ascii=False))
        return Exit.DRAINED
    for result in results:
        for row in result.results:
            print(json.dumps(row, ensure_ascii=False))
    changes = sum(result.meta.changes for result in results)
    print(f"{len(results)} statements, {changes} rows changed", file=sys.stderr)
    return Exit.DRAINED


@contextmanager
def _held(given: argparse.Namespace) -> Generator[Held]:
    config = load(Path(given.config), environment=given.env, process_environment=os.environ)
    binding = _chosen(config, given.database)
    if binding.service is not None:
        raise ConfigurationError(
            f"{config.file}: {binding.binding} is held by the service {binding.service!r}: "
            f"run this with the configuration of that service."
        )
    holdings = Holdings()
    try:
        yield holdings.hold(config, binding)
    finally:
        holdings.close()


def _chosen(config: ServiceConfig, name: str | None) -> D1Binding:
    named = [
        binding
        for binding in config.databases
        if name is None or name in (binding.binding, binding.database_name, binding.database_id)
    ]
    if len(named) == 1:
        return named[0]
    there = ", ".join(f"{one.binding} ({one.database_name or one.database_id})" for one in config.databases) or "none"
    problem = "which database?" if name is None else f"{name!r} names no database, or more than one."
    raise ConfigurationError(f"{config.file}: d1_databases: {problem} There are: {there}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m worker_runtime d1", description="Look after the D1 databases that a configuration declares.",
        epilog="Exit codes: 0 done, 1 the database refused it, 2 wrong configuration, arguments or migration.",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    migrations = commands.add_parser("migrations", help="list or apply migrations").add_subparsers(
        required=True, metavar="list|apply"
    )
    _common(migrations.add_parser("list", help="say which migrations were applied")).set_defaults(run=_list)
    _common(migrations.add_parser("apply", help="apply those that were not")).set_defaults(run=_apply)
    execute = _common(commands.add_parser("execute", help="run statements, as one transaction"))
    text: Any = execute.add_mutually_exclusive_group(required=True)
    text.add_argument("--command", metavar="SQL", help="the statements")
    text.add_argument("--file", metavar="FILE", help="the file that holds them")
    execute.set_defaults(run=_execute)
    return parser


def _common(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("database", nargs="?", help="its binding, name or ID, where there are several")
    parser.add_argument("--config", default=".", metavar="CONFIG|DIR", help="the configuration (default: .)")
    parser.add_argument("--env", metavar="NAME", help="the environment of the configuration to use")
    parser.add_argument("--json", action="store_true", help="write JSON")
    return parser

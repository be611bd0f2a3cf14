"""The command line of `python -m broker`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from broker.errors import BrokerUnavailable, ConfigurationError, ProtocolError, RpcError
from broker.keys import QueueKeys, ServiceKeys
from broker.link import Address, Link
from broker.names import check_service
from broker.operator.checks import examine
from broker.operator.facts import collect
from broker.operator.letters import Letter, drop, read_letters, replay, replay_message, revived
from broker.operator.shown import line, page, plain

DONE, FOUND, USAGE, NO_REDIS = range(4)

_DEFAULT_URL: Final = "redis://localhost:6379"
_CONNECT_SECONDS: Final = 5.0
_QUEUE: Final = "queue:"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        return asyncio.run(_run(given))
    except BrokerUnavailable as error:
        return _fail(error, NO_REDIS)
    except (RpcError, ConfigurationError) as error:
        return _fail(error, USAGE)
    except KeyboardInterrupt:
        return 130


def _fail(error: RpcError, code: int) -> int:
    sys.stderr.write(f"error: {error.message}\n")
    return code


async def _run(given: argparse.Namespace) -> int:
    link = Link(
        Address.parse(given.broker or os.environ.get("BROKER_URL") or _DEFAULT_URL),
        name="callyard-operator",
        resend=False,
    )
    await link.open(_CONNECT_SECONDS)
    try:
        return await given.run(link, given)
    finally:
        await link.close()


async def _doctor(link: Link, given: argparse.Namespace) -> int:
    facts = await collect(link, given.prefix)
    findings = examine(facts)
    if given.json:
        _say(json.dumps([finding._asdict() for finding in findings], indent=2))
        return FOUND if findings else DONE
    for finding in findings:
        _say(f"{finding.level}: {finding.what}\n  {finding.fix}")
    for service in facts.services:
        if service.name.startswith(_QUEUE):
            _say(f"{service.name}: {service.messages} messages, {service.dead} dead letters")
            continue
        waiting = sum(stream.length for stream in service.streams)
        _say(f"{service.name}: {service.workers} workers, {waiting} calls, {service.dead} dead letters")
    if facts.refused is None:
        _say("note: Redis does not tell this user what it may do, so that was not checked.")
    if facts.partial:
        _say("note: there are very many keys; not all of them were looked at.")
    _say("nothing is wrong" if not findings else f"{len(findings)} findings")
    return FOUND if findings else DONE


async def _list(link: Link, given: argparse.Namespace) -> int:
    letters = _filtered(await read_letters(link, _keys(given)), given)
    if given.json:
        _say(json.dumps([plain(letter) for letter in letters], indent=2, default=repr))
    else:
        for letter in letters:
            _say(line(letter))
        sys.stderr.write(f"{len(letters)} dead letters\n")
    return DONE


async def _show(link: Link, given: argparse.Namespace) -> int:
    letters, missing = _named(await read_letters(link, _keys(given)), given)
    if given.json:
        _say(json.dumps([plain(letter) for letter in letters], indent=2, default=repr))
    else:
        _say("\n\n".join(map(page, letters)))
    return _missing(missing)


async def _replay(link: Link, given: argparse.Namespace) -> int:
    keys = _keys(given)
    letters, missing = _named(await read_letters(link, keys), given)
    if isinstance(keys, QueueKeys):
        return await _replay_messages(link, keys, letters, missing)
    edited = _edited(given.args)
    seconds, microseconds = await link.send("TIME")
    deadline = int(seconds) * 1000 + int(microseconds) // 1000 + int(given.timeout * 1000)
    for letter in letters:
        try:
            call = revived(letter, deadline=deadline, arguments=edited)
        except RpcError as error:
            sys.stderr.write(f"error: {error.message}\n")
            missing.append(letter.id)
            continue
        if await replay(link, keys, letter, call):
            _say(f"{letter.id} replayed as {call.id}@{keys.service}")
        else:
            missing.append(letter.id)
    return _missing(missing)


async def _replay_messages(link: Link, keys: QueueKeys, letters: list[Letter], missing: list[str]) -> int:
    for letter in letters:
        try:
            message = await replay_message(link, keys, letter)
        except ProtocolError as error:
            sys.stderr.write(f"error: {letter.id}: {error.message}\n")
            message = None
        if message is None:
            missing.append(letter.id)
        else:
            _say(f"{letter.id} replayed as message {message} of {keys.queue}")
    return _missing(missing)


async def _drop(link: Link, given: argparse.Namespace) -> int:
    keys = _keys(given)
    letters, missing = _named(await read_letters(link, keys), given)
    for letter in letters:
        if await drop(link, keys, letter):
            _say(f"{letter.id} dropped")
        else:
            missing.append(letter.id)
    return _missing(missing)


def _keys(given: argparse.Namespace) -> ServiceKeys | QueueKeys:
    kind, _, name = given.service.partition(_QUEUE)
    if name and not kind:
        return QueueKeys(given.prefix, check_service(name))
    return ServiceKeys(given.prefix, check_service(given.service))


def _filtered(letters: list[Letter], given: argparse.Namespace) -> list[Letter]:
    return [
        letter
        for letter in letters
        if given.reason in (None, letter.reason) and given.entrypoint in (None, letter.entrypoint)
    ]


def _named(letters: list[Letter], given: argparse.Namespace) -> tuple[list[Letter], list[str]]:
    """The letters that the command line names, and the IDs that are none."""
    if not given.ids and not given.all:
        raise ConfigurationError("Name the dead letters by their IDs (`dead list` shows them), or say --all.")
    if given.all:
        return _filtered(letters, given), []
    known = {letter.id: letter for letter in letters}
    return [known[name] for name in given.ids if name in known], [name for name in given.ids if name not in known]


def _edited(text: str | None) -> tuple[list[Any], dict[str, Any]] | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"--args is no JSON: {error}.") from error
    match value:
        case list():
            return value, {}  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return [], value  # pyright: ignore[reportUnknownVariableType]
        case _:
            raise ConfigurationError("--args takes a JSON array (positional arguments) or object (named ones).")


def _missing(missing: list[str]) -> int:
    for name in missing:
        sys.stderr.write(f"error: {name} is not there, or not to be replayed\n")
    return FOUND if missing else DONE


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--broker", metavar="URL", help=f"where Redis is (default: $BROKER_URL, then {_DEFAULT_URL})")
    common.add_argument(
        "--prefix", default=os.environ.get("CALLYARD_PREFIX") or "callyard", help="first part of all keys"
    )
    common.add_argument("--json", action="store_true", help="print JSON")
    parser = argparse.ArgumentParser(
        prog="python -m broker", description="Dead letters, and what is wrong with a Redis.",
        epilog="Exit codes: 0 done, nothing wrong; 1 findings, or no such letters; 2 wrong use; 3 no Redis.",
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    doctor = commands.add_parser("doctor", parents=[common], help="look for what is wrong, and say how to mend it")
    doctor.set_defaults(run=_doctor)
    dead = commands.add_parser("dead", help="calls that were given up").add_subparsers(required=True, metavar="WHAT")
    for name, run, text in (
        ("list", _list, "list the dead letters of a service"),
        ("show", _show, "show all there is about some of them"),
        ("replay", _replay, "put their calls back into the stream, one-way and with a new deadline"),
        ("drop", _drop, "throw them away"),
    ):
        command = dead.add_parser(name, parents=[common], help=text)
        command.add_argument("service", help="a service, or queue:NAME")
        command.add_argument("--reason", help="only those with this reason: abandoned, failed, undecodable")
        command.add_argument("--entrypoint", help="only those of this entrypoint")
        if name != "list":
            command.add_argument("ids", nargs="*", metavar="ID")
            command.add_argument("--all", action="store_true", help="all that the filters leave")
        if name == "replay":
            command.add_argument("--timeout", type=float, default=60.0, help="seconds until the deadline (default: 60)")
            command.add_argument(
                "--args", metavar="JSON", help="call with these arguments instead: an array or an object"
            )
        command.set_defaults(run=run)
    return parser

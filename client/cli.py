"""The command line `python -m client`: picks the command, and says how it ended."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from client.command_line.commands import COMMANDS, EXIT_CODES, HIDDEN
from client.command_line.outcome import Exit, Interrupted, exit_of, json_of, line_of
from client.command_line.output import say
from client.command_line.typed import Parser, UsageError, split_at_dashes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every failure is one clear line on standard error."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # What the connection logs on its way is said again, better, by the error that it ends in.
    logging.basicConfig(handlers=[logging.NullHandler()])
    if not given:
        print(_parser().format_help(), file=sys.stderr, end="")
        return Exit.WRONG_USE
    try:
        _run(given)
    except KeyboardInterrupt:
        return _complain(Interrupted("Nothing waits for the answer any longer."), given)
    except Exception as error:
        return _complain(error, given)
    return Exit.RESULT


def _run(given: list[str]) -> None:
    command = COMMANDS.get(given[0]) or HIDDEN.get(given[0])
    if command is not None:
        return command.run(given[1:])
    if given[0].startswith("--") and (named := next((word for word in given if word in COMMANDS), None)):
        # `--broker URL call …`: flags may stand before the command too.
        at = given.index(named)
        return COMMANDS[named].run(given[:at] + given[at + 1 :])
    _parser().parse_known_args(given[:1])
    raise UsageError(f"{given[0]!r} is no command. The command comes first: {', '.join(COMMANDS)}.")


def _complain(error: Exception, given: list[str]) -> int:
    code = exit_of(error)
    try:
        if "--json" in split_at_dashes(given)[0]:
            say(json_of(error))
        print(line_of(error), file=sys.stderr)
    except (OSError, KeyboardInterrupt):
        # Nobody hears it; the exit code still says it.
        return code
    return code


def _parser() -> Parser:
    commands = "\n".join(f"  {name:12}{command.summary}" for name, command in COMMANDS.items())
    return Parser(
        "", "COMMAND ...", description=f"Call services from the command line.\n\nCommands:\n{commands}",
        epilog=f"python -m client COMMAND --help says more of each.\n\n{EXIT_CODES}",
    )  # fmt: skip

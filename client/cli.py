"""The command line `python -m client`: picks the command, prints what it gives, and says how it ended."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Sequence

from client.command_line.commands import COMMANDS, EXIT_CODES
from client.command_line.outcome import Exit, Interrupted, exit_of, json_of, line_of
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
        _say(_run(given))
    except KeyboardInterrupt:
        return _complain(Interrupted("Nothing waits for the answer any longer."), given)
    except Exception as error:
        return _complain(error, given)
    return Exit.RESULT


def _run(given: list[str]) -> str:
    command = COMMANDS.get(given[0])
    if command is not None:
        return command.run(given[1:])
    if given[0].startswith("--") and (named := next((word for word in given if word in COMMANDS), None)):
        # `--broker URL call …`: flags may stand before the command too.
        at = given.index(named)
        return COMMANDS[named].run(given[:at] + given[at + 1 :])
    _parser().parse_known_args(given[:1])
    raise UsageError(f"{given[0]!r} is no command. The command comes first: {' or '.join(COMMANDS)}.")


def _complain(error: Exception, given: list[str]) -> int:
    code = exit_of(error)
    try:
        if "--json" in split_at_dashes(given)[0]:
            _say(json_of(error))
        print(line_of(error), file=sys.stderr)
    except (OSError, KeyboardInterrupt):
        # Nobody hears it; the exit code still says it.
        return code
    return code


def _say(text: str) -> None:
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # A terminal that lacks a character still shows the others.
        out.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)
    except OSError as error:
        # What is left in the buffer must not fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        # A reader that has seen enough, such as `head`, is no failure.
        if not isinstance(error, BrokenPipeError):
            raise


def _parser() -> Parser:
    commands = "\n".join(f"  {name:10}{command.summary}" for name, command in COMMANDS.items())
    return Parser(
        "", "COMMAND ...", description=f"Call services from the command line.\n\nCommands:\n{commands}",
        epilog=f"python -m client COMMAND --help says more of each.\n\n{EXIT_CODES}",
    )  # fmt: skip

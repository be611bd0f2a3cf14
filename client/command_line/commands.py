"""The commands: each takes its words, prints what comes of them, or raises what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from client.command_line.calling import run_call
from client.command_line.completing import run_complete, run_completion
from client.command_line.describing import run_describe
from client.command_line.outcome import EXIT_CODES
from client.command_line.recording import run_types

__all__ = ["COMMANDS", "EXIT_CODES", "HIDDEN", "Command"]


class Command(NamedTuple):
    """A command: what it is for, and the function that runs it."""

    summary: str
    run: Callable[[Sequence[str]], None]


def run_gateway(arguments: Sequence[str]) -> None:
    """Serve HTTP until a signal; see `client.command_line.gateway`."""
    from client.command_line.gateway import run_gateway as run

    run(arguments)


COMMANDS: Final = {
    "call": Command("call a method of a service and print its result", run_call),
    "describe": Command("list what a service offers", run_describe),
    "types": Command("write the types of a service, or check recorded ones", run_types),
    "gateway": Command("answer HTTP requests with the `fetch` of services", run_gateway),
    "completion": Command("print what makes a shell complete these commands", run_completion),
}

HIDDEN: Final = {"complete": Command("complete a command line, for shells", run_complete)}

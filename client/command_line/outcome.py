"""How a command ended: its exit code, and its one line. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

from broker.errors import BrokerUnavailable, CallTimeout, Overloaded, RpcError, ServiceUnavailable
from broker.link import ReplyError
from client.command_line.shown import name_of

EXIT_CODES: Final = (
    "Exit codes: 0 result, 1 the callee's exception, 2 wrong use, 3 no broker, no service or a full one, 4 deadline,\n"
    "5 the service no longer fits its recorded types, 130 interrupted. A failure is one line on standard error; with\n"
    "--json it is also an object with the one key `error` on standard output."
)


class Exit(IntEnum):
    """Exit codes of `python -m client`."""

    RESULT = 0
    RAISED = 1
    WRONG_USE = 2
    UNAVAILABLE = 3
    DEADLINE = 4
    MISFIT = 5
    INTERRUPTED = 130


class Misfit(RpcError):
    """Raised when a service no longer fits the types that were recorded of it.

    Attributes:
        broken: What callers may no longer assume, one sentence each.
    """

    executed = "no"

    def __init__(self, message: str, broken: Sequence[str]) -> None:
        super().__init__(message)
        self.broken = list(broken)


class Interrupted(RpcError):
    """Raised when the user interrupts a command (Ctrl-C)."""


def exit_of(error: BaseException) -> Exit:
    """The exit code that *error* means.

    What the callee's own calls ran into does not count: only its outcome does.
    """
    if isinstance(error, Interrupted):
        return Exit.INTERRUPTED
    if isinstance(error, Misfit):
        return Exit.MISFIT
    if isinstance(error, CallTimeout):
        return Exit.DEADLINE
    if isinstance(error, BrokerUnavailable | ServiceUnavailable | Overloaded | ReplyError):
        return Exit.UNAVAILABLE
    # Refused before anything left: names, addresses, and arguments that cannot travel.
    mistaken = isinstance(error, RpcError) and not error.remote and error.executed == "no"
    return Exit.WRONG_USE if mistaken else Exit.RAISED


def line_of(error: BaseException) -> str:
    """*error* on one line; nothing in it can move the cursor or begin a line of its own."""
    text = " ".join(part.strip() for part in str(error).splitlines() if part.strip())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return f"error: {name_of(error)}: {text}" if text else f"error: {name_of(error)}"


def json_of(error: BaseException) -> str:
    """*error* as JSON on one line: `{"error": {...}}`."""
    remote = bool(getattr(error, "remote", False))
    shown: dict[str, Any] = {"name": name_of(error), "message": str(error), "remote": remote}
    if isinstance(error, RpcError):
        shown |= {"retryable": error.retryable, "executed": error.executed}
    else:
        shown |= {"retryable": False, "executed": "yes" if remote else "maybe"}
    if isinstance(error, Misfit):
        shown["broken"] = error.broken
    if (traceback := getattr(error, "remote_traceback", None)) is not None:
        shown["traceback"] = traceback
    return json.dumps({"error": shown})

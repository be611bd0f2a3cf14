"""How a command ended: its exit code, and its one line. Pure."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import Any

from broker.errors import BrokerUnavailable, CallTimeout, Overloaded, RpcError, ServiceUnavailable
from broker.link import ReplyError
from client.command_line.shown import name_of


class Exit(IntEnum):
    """Exit codes of `python -m client`."""

    RESULT = 0
    RAISED = 1
    WRONG_USE = 2
    UNAVAILABLE = 3
    DEADLINE = 4
    INTERRUPTED = 130


class Interrupted(RpcError):
    """Raised when the user interrupts a command (Ctrl-C)."""


def exit_of(error: BaseException) -> Exit:
    """The exit code that *error* means.

    What the callee's own calls ran into does not count: only its outcome does.
    """
    if isinstance(error, Interrupted):
        return Exit.INTERRUPTED
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
    if (traceback := getattr(error, "remote_traceback", None)) is not None:
        shown["traceback"] = traceback
    return json.dumps({"error": shown})

"""What a worker process and those who start it share: the exit codes, variables, and the terminal."""

import os
import sys
from contextlib import suppress
from enum import IntEnum
from typing import Final, TextIO

CHILD: Final = "CALLYARD_SUPERVISOR"
"""Set in the environment of the processes that a supervisor starts: its process ID."""

RELOADED: Final = "CALLYARD_RELOADER"
"""Set in the environment of the processes that are replaced when a file changes: the process ID of who does that."""

GO: Final = "CALLYARD_GO"
"""Set in the environment of a process that is to wait before it reads any service: the descriptor of a pipe."""

READY: Final = "CALLYARD_READY"
"""Set in the environment of a process whose parent wants to know when it takes calls: the descriptor of a pipe."""


class Exit(IntEnum):
    """How a run ended."""

    DRAINED = 0
    CRASHED = 1
    CONFIGURATION = 2
    NO_REDIS = 3
    GRACE_EXCEEDED = 4


def wait_for_go() -> bool:
    """Wait for the word of the parent that keeps this process in reserve; False if it will never come.

    A process that is not kept in reserve goes at once.
    """
    descriptor = os.environ.pop(GO, None)
    if descriptor is None:
        return True
    word = os.read(int(descriptor), 1)
    os.close(int(descriptor))
    return bool(word)


def tell_ready(said: str = "") -> None:
    """Tell the parent that wants to know that this process takes calls, and what it *said* of itself. Twice is once."""
    descriptor = os.environ.pop(READY, None)
    if descriptor is not None:
        with suppress(OSError):
            os.write(int(descriptor), f"{said}\n".encode())
        with suppress(OSError):
            os.close(int(descriptor))


def parent_gone() -> bool:
    """Whether the supervisor or reloader that started this process is gone."""
    parent = os.environ.get(CHILD) or os.environ.get(RELOADED)
    return parent is not None and os.getppid() != int(parent)


def say(line: str, file: TextIO | None = None) -> None:
    """Write *line* to *file* (standard output unless given) in one piece, so that processes do not mix theirs.

    `print` writes the end of the line apart when Python is unbuffered, as it often is in containers.
    """
    # Python has no standard output at all where nobody gave it one.
    if (to := file or sys.stdout) is not None:  # pyright: ignore[reportUnnecessaryComparison]
        to.write(f"{line}\n")
        to.flush()

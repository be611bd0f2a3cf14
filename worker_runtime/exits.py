"""What a worker process and its supervisor share: the exit codes, a variable, and the terminal."""

import sys
from enum import IntEnum
from typing import Final, TextIO

CHILD: Final = "CALLYARD_SUPERVISOR"
"""Set in the environment of the processes that a supervisor starts: its process ID."""


class Exit(IntEnum):
    """How a run ended."""

    DRAINED = 0
    CRASHED = 1
    CONFIGURATION = 2
    NO_REDIS = 3
    GRACE_EXCEEDED = 4


def say(line: str, file: TextIO | None = None) -> None:
    """Write *line* to *file* (standard output unless given) in one piece, so that processes do not mix theirs.

    `print` writes the end of the line apart when Python is unbuffered, as it often is in containers.
    """
    # Python has no standard output at all where nobody gave it one.
    if (to := file or sys.stdout) is not None:  # pyright: ignore[reportUnnecessaryComparison]
        to.write(f"{line}\n")
        to.flush()

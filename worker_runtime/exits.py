"""What a worker process and its supervisor know of each other: the exit codes, and a variable."""

from enum import IntEnum
from typing import Final

CHILD: Final = "CALLYARD_SUPERVISOR"
"""Set in the environment of the processes that a supervisor starts: its process ID."""


class Exit(IntEnum):
    """How a run ended."""

    DRAINED = 0
    CRASHED = 1
    CONFIGURATION = 2
    NO_REDIS = 3
    GRACE_EXCEEDED = 4

"""Exit codes of `python -m worker_runtime`."""

from enum import IntEnum


class Exit(IntEnum):
    """How a run ended."""

    DRAINED = 0
    CRASHED = 1
    CONFIGURATION = 2
    NO_REDIS = 3
    GRACE_EXCEEDED = 4

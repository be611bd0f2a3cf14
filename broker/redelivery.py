"""What becomes of an entry that was delivered: a pure decision, without clock or Redis."""

from __future__ import annotations

from enum import Enum


class Decision(Enum):
    """What a worker does with a delivery."""

    RUN = "run"
    """Run the method."""
    EXPIRE = "expire"
    """Answer that the deadline has passed, without running anything."""
    ABANDON = "abandon"
    """Dead-letter it: it cost as many workers as it may."""


def decide(*, delivery_count: int, retries: int, deadline: int, now: int, replied: bool) -> Decision:
    """Decide about one delivery.

    *deadline* and *now* are milliseconds of Redis's clock. *replied* says that an earlier delivery
    had sent its reply and was lost while its `waitUntil` tasks ran: the method runs again for
    their sake, whatever the caller's deadline was.
    """
    if delivery_count > retries + 1:
        return Decision.ABANDON
    if replied or in_time(deadline, now):
        return Decision.RUN
    return Decision.EXPIRE


def in_time(deadline: int, now: int) -> bool:
    """Whether a call may still begin: all there is to decide about a first delivery."""
    return now < deadline

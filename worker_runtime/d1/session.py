"""What a session asks for, and its bookmark."""

from __future__ import annotations

import re
import time
from typing import Final

from worker_runtime.d1.errors import D1Error

FIRST_UNCONSTRAINED: Final = "first-unconstrained"
FIRST_PRIMARY: Final = "first-primary"

_BOOKMARK: Final = re.compile(r"[0-9a-f]+(-[0-9a-f]+)*")


def check_constraint(constraint_or_bookmark: object) -> str:
    """Return what a session begins with, without white space around it.

    Raises:
        D1Error: It is neither a constraint nor a bookmark.
    """
    if isinstance(constraint_or_bookmark, str):
        asked = constraint_or_bookmark.strip() or FIRST_UNCONSTRAINED
        if asked in (FIRST_UNCONSTRAINED, FIRST_PRIMARY) or _BOOKMARK.fullmatch(asked):
            return asked
    raise D1Error("invalid bookmark or constraint", "D1_SESSION_ERROR")


class Bookmarks:
    """The bookmarks of one session; each is greater, as text, than the one before.

    A bookmark is a moment. With one copy of a database whatever is read after that moment has seen
    what the bookmark stands for, so nothing has to be looked up by it.
    """

    def __init__(self, asked: str) -> None:
        self.newest: str | None = None if asked in (FIRST_UNCONSTRAINED, FIRST_PRIMARY) else asked

    def advance(self) -> None:
        """Move on to the present state; a clock that was set back moves nothing."""
        now = f"{time.time_ns():016x}"
        if self.newest is None or now > self.newest:
            self.newest = now

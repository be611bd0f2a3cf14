"""What a process says of itself to a parent that serves HTTP for it, once it takes calls."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from worker_runtime.process.worker import Plan


class FirstService(NamedTuple):
    """The first service of a pool, and how to reach it.

    Attributes:
        name: The name that callers use.
        prefix: The first part of its keys.
        max_message_bytes: The largest message that it takes.
        grace: Seconds that its calls get to end at the end.
    """

    name: str
    prefix: str
    max_message_bytes: int
    grace: float

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """That of *plan*."""
        settings = plan.settings
        return cls(plan.services[0][0].name, settings.prefix, settings.max_message_bytes, settings.grace)

    @classmethod
    def load(cls, line: str) -> Self:
        """Read what `dump` wrote."""
        return cls(*json.loads(line))

    def dump(self) -> str:
        """It as a line of text."""
        return json.dumps(self)

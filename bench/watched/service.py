"""A service that looks at its own process while it is called: the worker around it is what users run."""

from typing import Any

from bench.watch import Watch
from workers import WorkerEntrypoint

WATCH = Watch()


class Default(WorkerEntrypoint):
    """The echo call, and the two that say from when to when to look."""

    async def add(self, a: int, b: int) -> int:
        """The echo call."""
        return a + b

    async def begin(self, what: str) -> None:
        """Look at *what* from here on."""
        WATCH.begin(what)

    async def end(self) -> dict[str, Any]:
        """What was seen."""
        return WATCH.end()

"""The service under test, with annotated parameters that are validated."""

from bench.tally import ran
from workers import WorkerEntrypoint


class Default(WorkerEntrypoint):
    """What the other systems serve too, and what only this one has."""

    async def add(self, a: int, b: int) -> int:
        """The echo call."""
        ran()
        return a + b

    async def payload(self, text: str) -> str:
        """Give back what came."""
        ran()
        return text

    async def add_and_note(self, a: int, b: int) -> int:
        """The echo call with a background task."""
        self.ctx.waitUntil(_note())
        return a + b

    def add_in_thread(self, a: int, b: int) -> int:
        """The echo call as a plain method."""
        ran()
        return a + b


async def _note() -> None:
    ran()

"""Which process serves and which is about to: the decisions of a reload, without processes, files or time.

A new process takes over when it is ready. The one before it serves until then, so nothing is missed; afterwards it
drains, so nothing is lost. One that never gets ready changes nothing.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Verb = Literal["start", "start later", "end", "tell"]

FAILED: Final = "that failed; the version before goes on serving"
NOTHING: Final = "nothing serves; waiting for a change"
CRASHED: Final = "the process ended by itself; starting another"


class Command(NamedTuple):
    """What is to be done: start process *number*, at once or after a while, let it drain and end, or tell *text*."""

    verb: Verb
    number: int = 0
    text: str = ""


class Takeover:
    """The processes by their numbers, which rise and are never used again.

    Attributes:
        serving: The one that takes calls.
        starting: The one that is to follow it.
        overtaken: Older ones that are not ready either; while nothing serves, the first of them that is will.
    """

    def __init__(self) -> None:
        self.serving: int | None = None
        self.starting: int | None = None
        self.overtaken: set[int] = set()
        self._last = 0

    def changed(self) -> list[Command]:
        """A file has changed, or it is the beginning: a process is wanted that has read it."""
        commands: list[Command] = []
        if self.starting is not None and self.serving is None:
            self.overtaken.add(self.starting)
        elif self.starting is not None:
            commands = [Command("end", self.starting)]
        self._last += 1
        self.starting = self._last
        return [*commands, Command("start", self._last)]

    def ready(self, number: int) -> list[Command]:
        """A process takes calls."""
        if number in self.overtaken:
            self.overtaken.discard(number)
            if self.serving is not None:
                return [Command("end", number)]
            self.serving = number
            return []
        if number != self.starting:
            # A later change has overtaken it: it was told to end.
            return []
        before = sorted(self.overtaken) if self.serving is None else [*sorted(self.overtaken), self.serving]
        self.overtaken.clear()
        self.serving, self.starting = number, None
        return [Command("end", one) for one in before]

    def ended(self, number: int) -> list[Command]:
        """A process is gone."""
        self.overtaken.discard(number)
        if number == self.starting:
            self.starting = None
            nothing = self.serving is None and not self.overtaken
            return [Command("tell", text=NOTHING if nothing else FAILED)]
        if number != self.serving:
            return []
        self.serving = None
        if self.starting is not None:
            return []
        return [Command("tell", text=CRASHED), *(c._replace(verb="start later") for c in self.changed())]

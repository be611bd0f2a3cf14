"""A chat: who joins passes a function to be called with what is said, and gets a seat in the room."""

from collections import defaultdict
from collections.abc import AsyncIterator

from workers import RpcStub, RpcTarget, WorkerEntrypoint

rooms: dict[str, dict[str, "Seat"]] = defaultdict(dict)
"""Seats by room and name. They are of this process: run one worker, or one for each part of the rooms."""
said: dict[str, list[str]] = defaultdict(list)
"""What was said, by room."""


class Seat(RpcTarget):
    """One person in one room, for as long as the person's program keeps it."""

    def __init__(self, room: str, name: str, hear: RpcStub) -> None:
        self._room = room
        self._name = name
        self._hear = hear

    @property
    def others(self) -> list[str]:
        """Who else is in the room."""
        return sorted(rooms[self._room].keys() - {self._name})

    async def say(self, text: str) -> int:
        """Tell everybody in the room; how many heard it."""
        said[self._room].append(f"{self._name}: {text}")
        heard = 0
        for seat in list(rooms[self._room].values()):
            if seat is not self:
                await seat._hear(self._name, text)
                heard += 1
        return heard

    async def history(self) -> AsyncIterator[str]:
        """What was said so far, line by line."""
        for line in said[self._room]:
            yield line

    async def whisper(self, name: str) -> RpcStub:
        """The other person's own function, to be called without the room knowing."""
        return rooms[self._room][name]._hear

    def dispose(self) -> None:
        """Leave: the last stub of the seat is gone, or the program that had it."""
        del rooms[self._room][self._name]
        self._hear.dispose()


class Default(WorkerEntrypoint):
    """The way into the rooms."""

    async def join(self, room: str, name: str, hear: RpcStub) -> Seat:
        """Take a seat; `hear(name, text)` is called with what others say."""
        # Arguments are given up when the method returns: what is to live longer has to be duplicated.
        seat = rooms[room][name] = Seat(room, name, hear.dup())
        return seat

    async def people(self, room: str) -> list[str]:
        """Who is in the room."""
        return sorted(rooms[room])

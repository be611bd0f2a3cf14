"""A chat: who joins passes a function to be called with what is said, and gets a seat in the room."""

from collections import defaultdict

from workers import RpcTarget, WorkerEntrypoint

rooms = defaultdict(dict)
"""Seats by room and name. They are of this process: run one worker, or one for each part of the rooms."""
said = defaultdict(list)


class Seat(RpcTarget):
    """One person in one room, for as long as the person's program keeps it."""

    def __init__(self, room, name, hear):
        self._room = room
        self._name = name
        self._hear = hear

    @property
    def others(self) -> list[str]:
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

    async def history(self):
        """What was said so far, line by line."""
        for line in said[self._room]:
            yield line

    async def whisper(self, name: str):
        """The other person's own function, to be called without the room knowing."""
        return rooms[self._room][name]._hear

    def dispose(self):
        """Leave: the last stub of the seat is gone, or the program that had it."""
        del rooms[self._room][self._name]
        self._hear.dispose()


class Default(WorkerEntrypoint):
    async def join(self, room: str, name: str, hear):
        # Arguments are given up when the method returns: what is to live longer has to be duplicated.
        seat = rooms[room][name] = Seat(room, name, hear.dup())
        return seat

    async def people(self, room: str) -> list[str]:
        return sorted(rooms[room])

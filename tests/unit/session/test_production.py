"""Producing a stream: what becomes of its source."""

import asyncio

from client.session.streams import Production


class Way:
    """Where chunks go, with room for as many as it is told."""

    def __init__(self, room: int) -> None:
        self.sent: list[object] = []
        self.finished = False
        self._room = room

    def may_send(self, stream: int) -> bool:
        return len(self.sent) < self._room

    def send(self, stream: int, item: object) -> None:
        self.sent.append(item)

    def finish(self, stream: int, failure: bytes | None) -> None:
        self.finished = True


class Source:
    """Something to be read that has to be closed."""

    def __init__(self) -> None:
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        return 1

    async def aclose(self) -> None:
        self.closed = True


async def test_source_is_closed_though_nobody_wanted_it_before_the_first_step():
    way, source = Way(room=1), Source()
    production = Production(way, 1, source)
    task = asyncio.create_task(production.run())

    production.stop(task)
    await task

    assert (source.closed, way.sent, way.finished) == (True, [], False)


async def test_source_is_closed_when_it_is_stopped_while_it_waits_for_room():
    way, source = Way(room=1), Source()
    production = Production(way, 1, source)
    task = asyncio.create_task(production.run())
    await asyncio.sleep(0)

    production.stop(task)
    await asyncio.wait([task])

    assert (source.closed, way.sent, way.finished) == (True, [1], False)

"""The gateway among five hundred connections: people who behave, go away, read slowly, write slowly, or only push."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.support.crowds import PIECE, Visitor, checked, peak_memory
from tests.support.gateways import GatewayProcess
from tests.support.workers import service_folder, until

MANY = 500
HOLDING, GONE, READING, WRITING, PUSHING = 50, 20, 40, 40, 10
MEETING = MANY - HOLDING - GONE - READING - WRITING - PUSHING
MEGABYTE = 1 << 20


class Square:
    """A gateway with the service behind it."""

    def __init__(self, place, gateway, worker):
        self.prefix = place.prefix
        self.gateway = gateway
        self.url = gateway.listening()
        self.processes = (gateway.pid, worker.ready_pid)
        self._before = [peak_memory(pid) for pid in self.processes]

    async def told(self) -> dict:
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as web:
            return (await web.get("/told")).json()

    async def tells(self, condition) -> dict:
        """What the service tells, once *condition* holds of it."""
        async with asyncio.timeout(30):
            while not condition(told := await self.told()):  # noqa: ASYNC110 -- another process knows
                await asyncio.sleep(0.05)
        return told

    def grown(self) -> int:
        """How many bytes more one of the processes held at most than before anybody came."""
        return max(peak_memory(pid) - before for pid, before in zip(self.processes, self._before, strict=True))


class Crowd:
    """Everybody who comes, each on a connection that stays open."""

    def __init__(self, url: str) -> None:
        def some(kind: str, count: int) -> list[Visitor]:
            return [Visitor(url, f"{kind}{number}", MANY) for number in range(count)]

        self.meeting = some("meeting", MEETING)
        self.holding = some("holding", HOLDING)
        self.gone = some("gone", GONE)
        self.reading = some("reading", READING)
        self.writing = some("writing", WRITING)
        self.pushing = some("pushing", PUSHING)
        self.dawdling = some("dawdling", 20)
        self.texts = {visitor.who: visitor.make(300_000) for visitor in self.writing}
        self.loads = {visitor.who: visitor.make(4 * MEGABYTE) for visitor in self.pushing}

    async def gather(self) -> list[asyncio.Future[None]]:
        """Have all five hundred inside at one moment; those who push go on pushing."""
        others = [*self.meeting, *self.holding, *self.gone, *self.writing, *self.pushing, *self.dawdling]
        await all_of(visitor.connect() for visitor in others)
        await all_of(visitor.connect(receive_buffer=PIECE) for visitor in self.reading)
        await all_of(visitor.send(b"GET /meet HTTP/1.1\r\nHos") for visitor in self.dawdling)
        pushed = [asyncio.ensure_future(push(visitor, self.loads[visitor.who])) for visitor in self.pushing]
        await all_of(visitor.ask("GET", "hold") for visitor in self.holding)
        await all_of(visitor.ask("POST", "take", 300_000) for visitor in [*self.writing, *self.gone])
        await all_of(visitor.send(self.texts[visitor.who][:70_000]) for visitor in self.writing)
        await all_of(visitor.send(visitor.make(70_000)) for visitor in self.gone)
        await all_of(visitor.ask("GET", "pour", query="&pieces=1000000") for visitor in self.reading)
        await all_of(visitor.head() for visitor in self.reading)
        await all_of(meet(visitor) for visitor in self.meeting)
        return pushed

    async def write_on(self) -> None:
        """Have those who write slowly come to their end, piece by piece and all at the same time."""
        for start in range(70_000, 300_000, 23_000):
            piece = slice(start, start + 23_000)
            await all_of(visitor.send(self.texts[visitor.who][piece]) for visitor in self.writing)
        for visitor in self.writing:
            assert await visitor.answered() == checked(self.texts[visitor.who])


@pytest.fixture
def square(place) -> Iterator[Square]:
    worker = place.workers.serve(service_folder(place.folder, "crowd"), "--concurrency", str(MANY + 50))
    gateway = GatewayProcess("--broker", place.url, "--prefix", place.prefix, "--route", "/=crowd")
    try:
        yield Square(place, gateway, worker)
    finally:
        gateway.close()


async def meet(visitor: Visitor) -> None:
    """Be answered once everybody is there."""
    body = visitor.make(1000)
    await visitor.ask("POST", "meet", len(body))
    await visitor.send(body)
    assert await visitor.answered() == body


async def talk(visitor: Visitor) -> None:
    """Ask on over the same connection."""
    for size in (0, 70_000, 10):
        body = visitor.make(size)
        await visitor.ask("POST", "echo", len(body))
        await visitor.send(body)
        assert await visitor.answered() == body


async def push(visitor: Visitor, body: bytes) -> None:
    """Send what nobody reads yet."""
    await visitor.ask("POST", "late", len(body))
    await visitor.send(body)


async def all_of(doing) -> None:
    async with asyncio.timeout(40):
        await asyncio.gather(*doing)


async def test_five_hundred_connections_at_once_are_served_whatever_some_of_them_do(square, server):
    crowd = Crowd(square.url)
    pushed = await crowd.gather()
    told = await square.told()
    assert (told["most"], told["broken"]) == (MANY, [])

    # Who goes away takes nobody else's call along.
    for visitor in [*crowd.holding, *crowd.gone]:
        visitor.leave()
    told = await square.tells(lambda told: len(told["broken"]) >= HOLDING + GONE)
    assert sorted(told["broken"]) == sorted(visitor.who for visitor in [*crowd.holding, *crowd.gone])

    await all_of(talk(visitor) for visitor in crowd.meeting)
    await all_of(pushed)
    assert [await visitor.answered() for visitor in crowd.pushing] == [*map(checked, crowd.loads.values())]
    await crowd.write_on()

    # What nobody reads is not made: a megabyte is under way, some in the gateway, and what the kernel buffers.
    made = (await square.told())["made"]
    assert len(made) == READING
    assert max(made.values()) * PIECE < 10 * MEGABYTE
    await all_of(visitor.poured(200) for visitor in crowd.reading[:5])
    await all_of(visitor.poured(8) for visitor in crowd.reading[5:])
    assert square.grown() < 250 * MEGABYTE

    for visitor in [*crowd.meeting, *crowd.reading, *crowd.writing, *crowd.pushing, *crowd.dawdling]:
        visitor.leave()
    await square.tells(lambda told: len(told["closed"]) == READING and told["inside"] == 0)
    streams = list(server.scan_iter(f"{square.prefix}:*", _type="stream"))
    await until(lambda: not any(server.xlen(key) for key in streams), "streams to be empty")
    assert square.gateway.terminate() == 0
    assert not [line for line in square.gateway.errors if "WARNING" in line or "Traceback" in line]

"""The idempotent producer against a Redis that loses things."""

import asyncio

import pytest

from broker.envelope import CALL, Call, Step, pack_call, unpack_call
from broker.errors import Overloaded, RpcError, ServiceUnavailable
from broker.keys import GROUP, ServiceKeys
from client.calling.open_call import OpenCall
from client.calling.producer import LARGEST_BATCH, Producer

KEYS = ServiceKeys("test", "svc")
STREAM = KEYS.calls("Default")


class Calls:
    """Makes calls through a producer and keeps what became of them."""

    def __init__(self, link):
        self.outcomes: dict[int, RpcError | None] = {}
        self._told = asyncio.Event()
        self.producer = Producer(link, KEYS, "Default", "caller01", accepted=self.accepted, refused=self.refused)
        self._next = 1

    def make(self, count=1):
        for _ in range(count):
            sequence, self._next = self._next, self._next + 1
            entry = pack_call(Call("caller01", sequence, 0, {}, (Step(0, CALL, ("add",), b""),)))
            future = asyncio.get_running_loop().create_future()
            self.producer.add(OpenCall(sequence, entry, self.producer, ("add",), 0.0, future, oneway=True))

    def accepted(self, call):
        self.outcomes[call.sequence] = None
        self._told.set()

    def refused(self, call, error):
        self.outcomes[call.sequence] = error
        self.producer.forget(call.sequence)
        self._told.set()

    async def until(self, count):
        async with asyncio.timeout(10):
            while len(self.outcomes) < count:
                self._told.clear()
                await self._told.wait()


@pytest.fixture
async def link(link):
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    return link


async def entries(link):
    calls = [unpack_call(fields[1]) for _, fields in await link.send("XRANGE", STREAM, "-", "+")]
    return [f"call {call.sequence}{' again' if call.options else ''}" for call in calls]


async def test_the_calls_of_one_tick_arrive_in_order_in_as_few_batches_as_fit(link):
    calls = Calls(link)
    many = LARGEST_BATCH * 2 + 1
    calls.make(many)

    await calls.until(many)

    assert await entries(link) == [f"call {n}" for n in range(1, many + 1)]


async def test_what_redis_forgot_is_sent_again_and_nothing_else(link):
    calls = Calls(link)
    calls.make(4)
    await calls.until(4)
    calls.producer.forget(4)
    # A Redis that came back without its newest writes: the number and the entries above it are gone together.
    for entry_id, _ in (await link.send("XRANGE", STREAM, "-", "+"))[1:]:
        await link.send("XDEL", STREAM, entry_id)
    await link.send("SET", KEYS.producer("caller01", "Default"), 1, "PX", 60_000)

    calls.outcomes.clear()
    calls.producer.verify()
    await calls.until(2)

    assert await entries(link) == ["call 1", "call 2 again", "call 3 again"]


async def test_a_call_made_while_an_earlier_batch_is_missing_takes_the_missing_ones_along(link):
    calls = Calls(link)
    calls.make(2)
    await calls.until(2)
    await link.send("DEL", STREAM, KEYS.producer("caller01", "Default"))
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")

    calls.outcomes.clear()
    calls.make(1)
    await calls.until(3)

    assert await entries(link) == ["call 1 again", "call 2 again", "call 3"]


async def test_verifying_what_is_all_there_sends_nothing(link):
    calls = Calls(link)
    calls.make(3)
    await calls.until(3)

    calls.producer.verify()
    await link.send("PING")

    assert len(await entries(link)) == 3


async def test_a_script_that_redis_forgot_between_batches_loses_no_call(link):
    calls = Calls(link)
    for count in range(1, 30):
        link.send("SCRIPT", "FLUSH")
        calls.make(2)
        await asyncio.sleep(0)
        calls.make(1)
        await calls.until(count)

    await calls.until(29 * 3)

    assert sorted(await entries(link), key=lambda text: int(text[5:])) == [f"call {n}" for n in range(1, 29 * 3 + 1)]


async def test_a_refused_call_does_not_hold_up_the_next(link):
    calls = Calls(link)
    await link.send("HSET", KEYS.meta, "backlog:Default", 2)
    calls.make(3)
    await calls.until(3)
    await link.send("HSET", KEYS.meta, "backlog:Default", 10)

    calls.make(1)
    await calls.until(4)

    assert isinstance(calls.outcomes[3], Overloaded)
    assert await entries(link) == ["call 1", "call 2", "call 4"]


async def test_the_refusal_of_an_unknown_service_says_how_to_start_one(link):
    await link.send("DEL", STREAM)
    calls = Calls(link)
    calls.make(1)

    await calls.until(1)

    assert isinstance(calls.outcomes[1], ServiceUnavailable)
    assert "python -m worker_runtime" in str(calls.outcomes[1])

"""One worker in a consumer group: what it reads, what it takes over, and what a stop leaves."""

import asyncio

import pytest

from broker.keys import GROUP, ServiceKeys
from broker.link import Address
from client.calling.deadline import RedisClock
from worker_runtime.groups.reading import GroupReader, reading_link
from worker_runtime.groups.sweeping import GroupSweeper

KEYS = ServiceKeys("test", "svc")
STREAM, MARK = KEYS.calls("Default"), KEYS.sweep("Default")
LEASE = 0.1


@pytest.fixture
async def clock(link):
    clock = RedisClock()
    now = asyncio.get_running_loop().time()
    seconds, microseconds = await link.send("TIME")
    clock.set(int(seconds), int(microseconds), sent=now, received=asyncio.get_running_loop().time())
    return clock


@pytest.fixture
async def left(link):
    """An entry that a lost worker left, a lease ago; its ID."""
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    entry_id = await link.send("XADD", STREAM, "*", "m", "left")
    await link.send("XREADGROUP", "GROUP", GROUP, "lost", "STREAMS", STREAM, ">")
    await link.send("XCLAIM", STREAM, GROUP, "lost", 0, entry_id, "IDLE", int(LEASE * 2000), "JUSTID")
    return entry_id


class Sweep:
    """A sweep under way, and what it took."""

    def __init__(self, link, clock):
        self.taken = []
        self.claiming = asyncio.Event()
        sweeper = GroupSweeper(link, "w1", clock, LEASE)
        self.task = asyncio.create_task(sweeper.sweep(STREAM, MARK, LEASE, self._place, self._take))

    async def _place(self):
        self.claiming.set()

    def _take(self, claimed, leave):
        self.taken.append((claimed.entry_id, claimed.delivery_count))
        leave()


async def test_what_a_lost_worker_left_is_taken_over(link, clock, left):
    sweep = Sweep(link, clock)
    await sweep.task

    assert sweep.taken == [(left, 2)]


async def test_what_was_claimed_when_a_sweep_is_cancelled_is_still_taken(link, clock, left):
    sweep = Sweep(link, clock)
    await sweep.claiming.wait()
    sweep.task.cancel()
    await asyncio.wait([sweep.task])

    assert sweep.task.cancelled()
    assert sweep.taken == [(left, 2)]


async def test_a_sweep_that_is_cancelled_ends_although_its_claim_fails(link, clock):
    await link.send("SET", STREAM, "no stream")
    sweep = Sweep(link, clock)
    await sweep.claiming.wait()
    sweep.task.cancel()
    await asyncio.wait([sweep.task])

    assert sweep.task.cancelled()


async def test_a_group_that_redis_lost_is_made_anew_and_read_from_its_beginning(link, broker_url):
    came = []
    reading = reading_link(Address.parse(broker_url), "reader")
    reader = GroupReader(link, reading, "w1", [STREAM], LEASE, lambda *entries: came.append(entries), bool)
    await reader.link.open(5)
    try:
        await link.send("XADD", STREAM, "*", "m", "before")
        await reader.read([STREAM], 1, 50)
        assert came == []

        await reader.read([STREAM], 1, 50)
    finally:
        await reader.link.close()

    [(stream, [(_, fields)])] = came
    assert (stream, fields) == (STREAM.encode(), [b"m", b"before"])


@pytest.mark.parametrize(("heard_of", "came"), [(False, [b"lost"]), (True, [])])
async def test_only_what_was_never_heard_of_is_read_again(link, broker_url, heard_of, came):
    got = []
    reading = reading_link(Address.parse(broker_url), "reader")
    reader = GroupReader(link, reading, "w1", [STREAM], LEASE, lambda _, entries: got.extend(entries), bool)
    await reader.create_groups()
    await reading.open(5)
    try:
        await link.send("XADD", STREAM, "*", "m", "lost")
        # As if the answer to this had been the one that was lost.
        [[_, [[entry_id, _]]]] = await link.send("XREADGROUP", "GROUP", GROUP, "w1", "COUNT", 1, "STREAMS", STREAM, ">")
        if heard_of:
            reader.heard_of(STREAM, entry_id)
        reading.reset()
        await reader.read([STREAM], 1, 50)
        await reader.read([STREAM], 1, 50)
    finally:
        await reading.close()

    assert [fields[1] for _, fields in got] == came

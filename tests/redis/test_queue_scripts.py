"""What each script of queues does to Redis, and that doing it twice does no harm."""

import pytest

from broker.keys import GROUP, QueueKeys
from broker.link import ReplyError, Script
from tests.support.servers import opened

SEND, DUE, SETTLE, CLAIM = Script("queue_send"), Script("queue_due"), Script("queue_settle"), Script("claim")
KEYS = QueueKeys("test", "work")
PLACES = Script("queue_places")
STREAM, DELAYED = KEYS.messages, KEYS.delayed
TAKEN, FULL = 1, 0
DONE, AGAIN, DEAD = range(3)


@pytest.fixture
async def link(link):
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    return link


async def send(link, *messages, token="t", most=100):
    arguments = [part for message in messages for part in (message if isinstance(message, tuple) else (message, 0))]
    return await SEND.run(link, [STREAM, DELAYED, KEYS.sent(token)], [60_000, most, *arguments])


async def read(link, worker="w1", count=10):
    answer = await link.send("XREADGROUP", "GROUP", GROUP, worker, "COUNT", count, "STREAMS", STREAM, ">")
    return [entry_id for _, entries in answer or () for entry_id, _ in entries]


async def settle(link, entry_id, count, fate, value=b"", delay=0, worker="w1"):
    arguments = [GROUP, worker, 10, entry_id, count, fate, value, delay]
    return await SETTLE.run(link, [STREAM, DELAYED, KEYS.dead], arguments)


async def values(link, key=STREAM):
    return [fields[1] for _, fields in await link.send("XRANGE", key, "-", "+")]


async def due(link, most=10):
    return await DUE.run(link, [STREAM, DELAYED], [most])


async def let_come_due(link, *messages):
    for message in messages:
        await link.send("ZADD", DELAYED, "XX", 1, message)


async def test_messages_are_taken_in_order_and_once(link):
    assert await send(link, b"a", b"b") == [TAKEN, 2]
    assert await send(link, b"a", b"b") == [TAKEN, 2]
    assert await send(link, b"c", token="u") == [TAKEN, 3]

    assert await values(link) == [b"a", b"b", b"c"]
    assert 0 < await link.send("PTTL", KEYS.sent("t")) <= 60_000


async def test_a_full_queue_takes_all_of_a_batch_or_nothing(link):
    await send(link, b"a", (b"b", 60_000), most=3)

    assert await send(link, b"c", b"d", token="u", most=3) == [FULL, 2]
    assert await send(link, b"c", token="v", most=3) == [TAKEN, 3]
    assert await link.send("EXISTS", KEYS.sent("u")) == 0


async def test_delayed_messages_move_when_they_are_due(link):
    assert await due(link) == -1
    await send(link, (b"a", 60_000), (b"b", 60_000), (b"c", 120_000))
    assert await values(link) == []
    assert 59_000 < await due(link) <= 60_000

    await let_come_due(link, b"a", b"b")
    assert await due(link, most=1) == 0
    assert 119_000 < await due(link, most=1) <= 120_000
    assert await values(link) == [b"a", b"b"]


async def test_a_message_is_done_once(link):
    await send(link, b"a")
    [entry_id] = await read(link)

    assert await settle(link, entry_id, 1, DONE) == []
    assert await settle(link, entry_id, 1, DONE) == [entry_id]
    assert await link.send("XLEN", STREAM) == 0


async def test_a_message_that_is_tried_again_is_never_nowhere_and_never_twice(link):
    await send(link, b"a")
    [entry_id] = await read(link)

    assert await settle(link, entry_id, 1, AGAIN, b"a, once failed") == []
    assert await settle(link, entry_id, 1, AGAIN, b"a, once failed") == [entry_id]
    assert await values(link) == [b"a, once failed"]

    [entry_id] = await read(link)
    assert await settle(link, entry_id, 1, AGAIN, b"a, twice failed", 60_000) == []
    assert await values(link) == []
    assert await link.send("ZRANGE", DELAYED, 0, -1) == [b"a, twice failed"]


async def test_a_dead_message_is_in_the_dead_letters_once(link):
    await send(link, b"a")
    [entry_id] = await read(link)

    assert await settle(link, entry_id, 1, DEAD, b"letter") == []
    assert await settle(link, entry_id, 1, DEAD, b"letter") == [entry_id]
    assert await values(link, KEYS.dead) == [b"letter"]
    assert await link.send("XLEN", STREAM) == 0


@pytest.mark.parametrize("fate", [DONE, AGAIN, DEAD])
async def test_a_consumer_that_lost_its_claim_changes_nothing(link, fate):
    await send(link, b"a")
    [entry_id] = await read(link)
    now = await link.send("TIME")
    asked_at = int(now[0]) * 1000 + int(now[1]) // 1000
    _, [[claimed, count, _]], _ = await CLAIM.run(
        link, [STREAM, KEYS.sweep], [GROUP, "w2", 0, "0-0", 1, asked_at, 1000, 60_000]
    )
    assert (claimed, count) == (entry_id, 2)

    assert await settle(link, entry_id, 1, fate, b"x") == [entry_id]
    assert await values(link) == [b"a"]
    assert await link.send("EXISTS", KEYS.dead, DELAYED) == 0
    assert await settle(link, entry_id, 2, DONE, worker="w2") == []


async def places(link, worker, wanted, most=3, ttl=60_000):
    return await PLACES.run(link, [KEYS.places], [worker, wanted, most, ttl])


async def test_places_are_shared_and_never_more_than_there_are(link):
    assert await places(link, "w1", 2) == 2
    assert await places(link, "w2", 2) == 1
    assert await places(link, "w3", 1) == 0
    assert await places(link, "w1", 5) == 2
    assert await places(link, "w1", 1) == 1
    assert await places(link, "w3", 2) == 1
    assert 0 < await link.send("PTTL", KEYS.places) <= 60_000


async def test_places_that_are_given_back_or_not_renewed_are_free(link):
    assert await places(link, "w1", 3) == 3
    assert await places(link, "w1", 0) == 0
    assert await link.send("EXISTS", KEYS.places) == 0

    await link.send("HSET", KEYS.places, "w1", "3 1000")
    assert await places(link, "w2", 3) == 3
    assert await link.send("HKEYS", KEYS.places) == [b"w2"]


@pytest.mark.redis
async def test_a_full_redis_takes_no_message_and_still_lets_work_end(redis_url):
    link = await opened(redis_url)
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    await send(link, b"a", b"b", (b"c", 60_000))
    first, second = await read(link)
    await let_come_due(link, b"c")
    await link.send("CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(ReplyError) as full:
            await send(link, b"d", token="u")
        assert full.value.code == "OOM"
        assert await settle(link, first, 1, AGAIN, b"a again") == []
        assert await settle(link, second, 1, DEAD, b"letter") == []
        assert await due(link) == -1
        assert await values(link) == [b"a again", b"c"]
    finally:
        await link.send("CONFIG", "SET", "maxmemory", "0")
        await link.close()

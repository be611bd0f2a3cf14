"""What each script does to Redis, and that doing it twice does no harm."""

import anyio
import pytest

from broker.keys import GROUP, ServiceKeys
from broker.link import ReplyError, Script
from tests.support.servers import opened

ENQUEUE, SETTLE, RENEW, CLAIM = Script("enqueue"), Script("settle"), Script("renew"), Script("claim")
DEAD, RELEASE, CHANNEL, RETIRE = Script("dead"), Script("release"), Script("channel"), Script("retire")
REREAD = Script("reread")
KEYS = ServiceKeys("test", "svc")
STREAM, REPLY = KEYS.calls("Default"), KEYS.reply("caller01")
SWEPT = KEYS.sweep("Default")
TAKEN, UNKNOWN, OVERLOADED, NOT_OFFERED, AGAIN = range(5)
AT_ONCE = 0


@pytest.fixture
async def served(link):
    """A stream with its group, as a worker makes it, and an open reply channel."""
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    await CHANNEL.run(link, [REPLY], [60_000])
    return link


async def enqueue(link, after, *calls):
    arguments = [part for call in calls for part in (call, f"call {call}")]
    keys = [STREAM, KEYS.producer("caller01", "Default"), KEYS.meta]
    return await ENQUEUE.run(link, keys, ["Default", 60_000, after, *arguments])


async def read(link, worker="w1", count=10):
    answer = await link.send("XREADGROUP", "GROUP", GROUP, worker, "COUNT", count, "STREAMS", STREAM, ">")
    return [entry_id for _, entries in answer or () for entry_id, _ in entries]


async def claim(link, worker, idle=AT_ONCE, late=0):
    now = await link.send("TIME")
    asked_at = int(now[0]) * 1000 + int(now[1]) // 1000 - late
    await link.send("DEL", SWEPT)
    return await CLAIM.run(link, [STREAM, SWEPT], [GROUP, worker, idle, "0-0", 10, asked_at, 1000, 60_000])


async def settle(link, worker, entry_id, count, *, acknowledge=1, reply=b"reply", kept=()):
    stores = [part for index, _ in enumerate(kept, 3) for part in (index, b"reply", 60_000)]
    return await SETTLE.run(
        link, [STREAM, REPLY, *kept], [GROUP, worker, 0, entry_id, count, acknowledge, reply, len(kept), *stores]
    )


async def lengths(link):
    pending = await link.send("XPENDING", STREAM, GROUP)
    return await link.send("XLEN", STREAM), pending[0], await link.send("XLEN", REPLY)


async def test_a_batch_is_appended_in_order(served):
    assert await enqueue(served, 0, 1, 2, 5) == [TAKEN, 5]

    entries = await served.send("XRANGE", STREAM, "-", "+")
    assert [fields for _, fields in entries] == [[b"m", b"call 1"], [b"m", b"call 2"], [b"m", b"call 5"]]


async def test_a_batch_sent_again_is_taken_once(served):
    await enqueue(served, 0, 1, 2)

    assert await enqueue(served, 0, 1, 2) == [TAKEN, 2]
    assert await enqueue(served, 0, 1, 2, 3) == [TAKEN, 3]
    assert await served.send("XLEN", STREAM) == 3


async def test_a_batch_after_one_that_never_arrived_takes_nothing_and_says_where_to_begin(served):
    await enqueue(served, 0, 1)

    assert await enqueue(served, 4, 5, 6) == [AGAIN, 1]
    assert await served.send("XLEN", STREAM) == 1


async def test_an_empty_batch_tells_whether_redis_forgot_something(served):
    await enqueue(served, 0, 1, 2)

    assert await enqueue(served, 2) == [TAKEN, 2]
    assert await enqueue(served, 3) == [AGAIN, 2]


async def test_a_stream_that_nobody_ever_served_takes_nothing_and_is_not_made(link):
    assert await enqueue(link, 0, 1) == [UNKNOWN, 0]
    assert await link.send("EXISTS", STREAM) == 0


async def test_a_full_backlog_takes_what_fits_and_refuses_the_rest(served):
    await served.send("HSET", KEYS.meta, "backlog:Default", 3)

    assert await enqueue(served, 0, 1, 2, 3, 4, 5) == [OVERLOADED, 3]
    assert await enqueue(served, 3, 4) == [OVERLOADED, 3]


async def test_an_entrypoint_that_no_live_worker_offers_is_refused(served):
    await served.send("HSET", KEYS.meta, "backlog:Other", 3)

    assert await enqueue(served, 0, 1) == [NOT_OFFERED, 0]


async def test_the_producer_key_has_a_time_to_live(served):
    await enqueue(served, 0, 1)

    assert 0 < await served.send("PTTL", KEYS.producer("caller01", "Default")) <= 60_000


async def test_settling_replies_and_leaves_nothing_behind(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)

    assert await settle(served, "w1", entry_id, 1) == []
    assert tuple(await lengths(served)) == (0, 0, 1)


async def test_settling_twice_is_fenced_the_second_time(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)
    await settle(served, "w1", entry_id, 1)

    assert await settle(served, "w1", entry_id, 1) == [entry_id]
    assert await served.send("XLEN", REPLY) == 1


async def test_a_reply_before_the_acknowledgement_leaves_the_entry_pending(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)

    await settle(served, "w1", entry_id, 1, acknowledge=0)

    assert tuple(await lengths(served)) == (1, 1, 1)


async def test_a_worker_that_lost_its_claim_changes_nothing(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served, "w1")
    await claim(served, "w2")

    assert await settle(served, "w1", entry_id, 1) == [entry_id]
    assert await RENEW.run(served, [STREAM], [GROUP, "w1", entry_id, 1]) == [entry_id]
    assert await DEAD.run(served, [STREAM, KEYS.dead, REPLY], [GROUP, "w1", entry_id, 1, b"letter", b"", 10]) == 0
    assert await RELEASE.run(served, [STREAM, SWEPT], [GROUP, "w1", entry_id, 1, 1]) == 0
    assert tuple(await lengths(served)) == (1, 1, 0)


async def test_the_owner_of_an_older_delivery_is_fenced_even_where_it_claimed_the_entry_itself(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served, "w1")
    await claim(served, "w1")

    assert await settle(served, "w1", entry_id, 1) == [entry_id]
    assert await settle(served, "w1", entry_id, 2) == []


async def test_a_claim_takes_what_is_idle_and_counts_the_delivery(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served, "w1")

    assert await claim(served, "w2", idle=60_000) == [b"0-0", [], []]
    assert await claim(served, "w2") == [b"0-0", [[entry_id, 2, [b"m", b"call 1"]]], []]


async def test_renewing_does_not_count_as_a_delivery(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served, "w1")

    assert await RENEW.run(served, [STREAM], [GROUP, "w1", entry_id, 1]) == []
    [[_, owner, _, deliveries]] = await served.send("XPENDING", STREAM, GROUP, "-", "+", 10)
    assert (owner, deliveries) == (b"w1", 1)


async def test_what_a_lost_answer_handed_over_is_handed_over_again_uncounted_and_with_a_new_lease(served):
    await enqueue(served, 0, 1, 2, 3, 4)
    held, unheard, late = await read(served, count=3)
    [foreign] = await read(served, "w2")
    await anyio.sleep(0.02)

    for _ in range(2):
        found = await REREAD.run(served, [STREAM], [GROUP, "w1", 10, held])
        assert [entry_id for entry_id, _ in found] == [unheard, late]
    assert [fields for _, fields in found] == [[b"m", b"call 2"], [b"m", b"call 3"]]
    assert len(await REREAD.run(served, [STREAM], [GROUP, "w1", 1, held])) == 1
    pending = {row[0]: row[1:] for row in await served.send("XPENDING", STREAM, GROUP, "-", "+", 10)}
    assert [pending[entry_id][2] for entry_id in (held, unheard, late, foreign)] == [1, 1, 1, 1]
    assert pending[foreign][0] == b"w2"
    assert pending[unheard][1] < 20 <= pending[held][1]


async def test_what_was_claimed_is_not_handed_over_again(served):
    await enqueue(served, 0, 1)
    await read(served)
    await claim(served, "w1")

    assert await REREAD.run(served, [STREAM], [GROUP, "w1", 10, "0-0"]) == []


@pytest.mark.parametrize(("begun", "deliveries"), [(1, 2), (0, 1)])
async def test_what_is_given_back_can_be_claimed_at_once_and_counts_only_if_it_had_begun(served, begun, deliveries):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served, "w1")

    assert await RELEASE.run(served, [STREAM, SWEPT], [GROUP, "w1", entry_id, 1, begun]) == 1
    _, [[claimed, count, _]], _ = await claim(served, "w2", idle=3_600_000)
    assert (claimed, count) == (entry_id, deliveries)


async def test_a_dead_letter_is_one_step_with_its_reply(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)
    arguments = [GROUP, "w1", entry_id, 1, b"letter", b"answer", 10]

    assert await DEAD.run(served, [STREAM, KEYS.dead, REPLY], arguments) == 1
    assert await DEAD.run(served, [STREAM, KEYS.dead, REPLY], arguments) == 0
    assert tuple(await lengths(served)) == (0, 0, 1)
    assert await served.send("XLEN", KEYS.dead) == 1


async def test_a_reply_to_a_caller_that_is_gone_leaves_no_garbage(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)
    await served.send("DEL", REPLY)

    assert await settle(served, "w1", entry_id, 1) == []
    assert await served.send("EXISTS", REPLY) == 0


async def test_a_kept_result_has_the_time_to_live_that_was_asked_for(served):
    await enqueue(served, 0, 1)
    [entry_id] = await read(served)
    kept = KEYS.result("caller01.1")

    await settle(served, "w1", entry_id, 1, kept=[kept])

    assert await served.send("GET", kept) == b"reply"
    assert 0 < await served.send("PTTL", kept) <= 60_000


async def test_opening_a_channel_again_keeps_what_it_holds(served):
    await served.send("XADD", REPLY, "*", "m", "a reply")

    assert await CHANNEL.run(served, [REPLY], [60_000]) == 0
    assert await served.send("XLEN", REPLY) == 1


async def test_a_consumer_with_something_pending_is_never_removed(served):
    await enqueue(served, 0, 1)
    await read(served, "busy")
    await read(served, "idle")
    with anyio.fail_after(5):
        gone = await RETIRE.run(served, [STREAM], [GROUP, 3_600_000, "busy", "idle"])

    assert gone in ([b"idle"], [])
    consumers = await served.send("XINFO", "CONSUMERS", STREAM, GROUP)
    assert b"busy" in [dict(zip(c[::2], c[1::2], strict=True))[b"name"] for c in consumers]


@pytest.mark.redis
async def test_a_full_redis_still_lets_work_end(redis_url):
    link = await opened(redis_url)
    await link.send("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM")
    await CHANNEL.run(link, [REPLY], [60_000])
    await enqueue(link, 0, 1)
    [entry_id] = await read(link)
    await link.send("CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(ReplyError) as full:
            await enqueue(link, 1, 2)
        assert full.value.code == "OOM"

        assert await settle(link, "w1", entry_id, 1) == []
        assert tuple(await lengths(link)) == (0, 0, 1)
    finally:
        await link.send("CONFIG", "SET", "maxmemory", "0")
        await link.close()

"""Reading reply channels that Redis makes, loses and gets anew."""

import asyncio

import pytest

from broker.link import Script
from client.calling.replies import TRIM_BYTES, TRIM_ENTRIES, ReplyReader
from tests.support.servers import opened

CHANNEL = "test:{svc}:reply:caller01"


@pytest.fixture
async def links(broker_url):
    links = [await opened(broker_url), await opened(broker_url)]
    # Known to the server from here on, the script runs in order with the plain commands of these tests.
    await Script("channel").run(links[0], ["test:{svc}:reply:other"], [1000])
    yield links
    for link in links:
        await link.close()


@pytest.fixture
async def replies(links):
    """A reader, and the queue of what it delivers."""
    came: asyncio.Queue[bytes] = asyncio.Queue()
    commands, reading = links
    reader = ReplyReader(commands, reading, lambda _channel, entry: came.put_nowait(entry), lambda: None)
    reader.listen(CHANNEL)
    yield reader, came
    await reader.close()


async def reply(commands, text):
    await commands.send("XADD", CHANNEL, "NOMKSTREAM", "*", "m", text)


async def next_millisecond(commands):
    """Wait until Redis gives out IDs above those that it has forgotten."""
    first = await commands.send("TIME")
    while (now := await commands.send("TIME")) and int(now[1]) // 1000 == int(first[1]) // 1000:
        pass


async def came(queue):
    async with asyncio.timeout(10):
        return await queue.get()


async def test_replies_are_delivered_in_order_and_trimmed(links, replies):
    _, queue = replies
    texts = [b"%d" % number for number in range(2 * TRIM_ENTRIES)]
    for text in texts:
        await reply(links[0], text)

    assert [await came(queue) for _ in texts] == texts
    # The trimming leaves on the reader's connection, ahead of its next read.
    await reply(links[0], "last")
    assert await came(queue) == b"last"
    assert await links[0].send("XLEN", CHANNEL) <= TRIM_ENTRIES


async def test_large_replies_are_trimmed_at_once(links, replies):
    _, queue = replies
    await reply(links[0], bytes(TRIM_BYTES))
    await came(queue)

    await reply(links[0], "small")
    await came(queue)
    assert await links[0].send("XLEN", CHANNEL) == 1


async def test_what_was_read_is_trimmed_at_the_next_renewal(links, monkeypatch):
    monkeypatch.setattr("client.calling.replies.RENEW_SECONDS", 0.02)
    commands, reading = links
    reader = ReplyReader(commands, reading, lambda _channel, _entry: None, lambda: None)
    reader.listen(CHANNEL)
    await reply(commands, "only")

    async with asyncio.timeout(10):
        while await commands.send("XLEN", CHANNEL):
            pass
    await reader.close()


async def test_channel_that_redis_lost_while_a_read_waits_for_it_is_read_on(links, replies):
    reader, queue = replies
    await reply(links[0], "before")
    assert await came(queue) == b"before"

    await links[0].send("DEL", CHANNEL)
    await next_millisecond(links[0])
    reader.make_sure()
    await reply(links[0], "after")

    assert await came(queue) == b"after"


async def test_reply_that_cannot_be_delivered_does_not_end_the_reading(links):
    commands, reading = links
    delivered: asyncio.Queue[bytes] = asyncio.Queue()

    def deliver(_channel, entry):
        if entry == b"bad":
            raise LookupError(entry)
        delivered.put_nowait(entry)

    reader = ReplyReader(commands, reading, deliver, lambda: None)
    reader.listen(CHANNEL)
    await reply(commands, "bad")
    await reply(commands, "good")

    assert await came(delivered) == b"good"
    await reader.close()

"""The link keeps its promises while Redis and the network do not keep theirs."""

import asyncio
import socket
from pathlib import Path

import pytest

from broker.embedded import EmbeddedBroker
from broker.errors import AuthenticationFailed, BrokerUnavailable, LinkLost
from broker.link import Address, Link, ReplyError, Script
from tests.support.relay import Relay
from tests.support.servers import configured, opened, port_of

SOON = 10


@pytest.fixture
async def relayed(relay: Relay):
    link = await opened(relay.url)
    yield link
    await link.close()


def counted(information: bytes, name: bytes) -> int:
    return int(information.partition(name + b":")[2].split()[0])


async def client_id(link: Link) -> int:
    return int(await link.send("CLIENT", "ID"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_replies_come_in_the_order_of_their_commands(link: Link):
    replies = await asyncio.gather(*[link.send("INCR", "n") for _ in range(2000)])
    assert replies == list(range(1, 2001))


async def test_arguments_are_bytes_text_and_numbers(link: Link):
    data = bytes(range(256)) * 300
    await link.send("RPUSH", "l", data, "ü\r\n", 7, 0.5)
    assert await link.send("LRANGE", "l", 0, -1) == [data, "ü\r\n".encode(), b"7", b"0.5"]


async def test_an_error_reply_fails_its_own_command_only(link: Link):
    await link.send("SET", "text", "x")
    wrong, right = link.send("INCR", "text"), link.send("GET", "text")
    with pytest.raises(ReplyError, match="not an integer") as caught:
        await wrong
    assert caught.value.code == "ERR"
    assert await right == b"x"


@pytest.mark.redis
async def test_the_commands_of_one_tick_leave_in_one_write(redis_url: str):
    link = await opened(redis_url)
    before = counted(await link.send("INFO", "stats"), b"total_reads_processed")
    await asyncio.gather(*[link.send("PING") for _ in range(500)])
    after = counted(await link.send("INFO", "stats"), b"total_reads_processed")
    assert after - before == 2
    await link.close()


async def test_a_cancelled_waiter_leaves_the_connection_and_the_other_replies_alone(link: Link):
    connection = await client_id(link)
    commands = [link.send("INCR", "n") for _ in range(100)]
    for command in commands[::2]:
        command.cancel()
    assert await asyncio.gather(*commands[1::2]) == list(range(2, 101, 2))
    assert await client_id(link) == connection


async def test_a_command_whose_reply_was_lost_is_sent_again_and_takes_effect_once(relayed: Link, relay: Relay):
    enqueue, keys = Script("enqueue"), ["s", "producer", "meta"]
    await relayed.send("XGROUP", "CREATE", "s", "workers", "0", "MKSTREAM")
    assert await enqueue.run(relayed, keys, ["Default", 60_000, 0, 1, "first"]) == [0, 1]
    relay.withhold()
    lost = enqueue.run(relayed, keys, ["Default", 60_000, 1, 2, "second"])
    await asyncio.wait_for(relay.withheld.wait(), SOON)
    relay.cut()
    assert await asyncio.wait_for(lost, SOON) == [0, 2]
    assert await relayed.send("XLEN", "s") == 2
    assert relay.connections == 2


async def test_a_killed_connection_is_repaired_under_a_command_that_blocks(link: Link, broker_url: str):
    other = await opened(broker_url)
    blocked, behind = link.send("BLPOP", "list", 0), link.send("GET", "nothing")
    # The number was asked for on the connection that is now blocked, so it is looked up by name.
    listed = await other.send("CLIENT", "LIST")
    numbers = [int(line.partition(b"id=")[2].split()[0]) for line in listed.splitlines()]
    mine = await client_id(other)
    for number in numbers:
        if number != mine:
            await other.send("CLIENT", "KILL", "ID", number)
    await other.send("RPUSH", "list", "value")
    assert await asyncio.wait_for(blocked, SOON) == [b"list", b"value"]
    assert await behind is None
    await other.close()


async def test_without_resend_unanswered_commands_fail_and_the_link_comes_back(relay: Relay):
    link = await opened(relay.url, resend=False)
    relay.withhold()
    unanswered = [link.send("INCR", "n") for _ in range(3)]
    await asyncio.wait_for(relay.withheld.wait(), SOON)
    relay.cut()
    for command in unanswered:
        with pytest.raises(LinkLost) as caught:
            await asyncio.wait_for(command, SOON)
        assert caught.value.executed == "maybe"
    await asyncio.wait_for(link.wait_open(), SOON)
    assert await link.send("GET", "n") == b"3"
    await link.close()


async def test_commands_sent_while_redis_is_away_are_executed_in_order_when_it_is_back(relayed: Link, relay: Relay):
    await relay.down()
    commands = [relayed.send("RPUSH", "l", number) for number in range(100)]
    commands[50].cancel()
    await relay.up()
    await asyncio.wait_for(asyncio.gather(*commands[:50], *commands[51:]), SOON)
    arrived = await relayed.send("LRANGE", "l", 0, -1)
    assert [int(number) for number in arrived if number != b"50"] == [n for n in range(100) if n != 50]


async def test_hooks_run_after_each_connect_and_before_the_commands_that_wait(relay: Relay):
    link = Link(Address.parse(relay.url), name="test", resend=True)

    async def hook() -> None:
        await link.send_now("RPUSH", "l", "hook")

    link.on_open.append(hook)
    await link.open(SOON)
    await relay.down()
    waiting = link.send("RPUSH", "l", "command")
    await relay.up()
    await asyncio.wait_for(waiting, SOON)
    assert await link.send("LRANGE", "l", 0, -1) == [b"hook", b"hook", b"command"]
    await link.close()


async def test_a_hook_that_fails_does_not_end_the_repair(relayed: Link, relay: Relay):
    failures = [RuntimeError("first"), ValueError("second")]

    async def hook() -> None:
        if failures:
            raise failures.pop()

    relayed.on_open.append(hook)
    relay.cut()
    assert await asyncio.wait_for(relayed.send("PING"), SOON) == b"PONG"
    assert failures == []


async def test_a_connection_that_falls_silent_is_replaced(relay: Relay):
    link = await opened(relay.url, silence=0.1)
    relay.withhold()
    assert await asyncio.wait_for(link.send("SET", "k", "v"), SOON) == b"OK"
    assert relay.connections == 2
    await link.close()


async def test_a_script_that_redis_forgot_is_sent_with_its_text(link: Link):
    channel = Script("channel")
    assert await channel.run(link, ["c"], [60_000]) == 1
    await link.send("SCRIPT", "FLUSH")
    assert await asyncio.gather(*[channel.run(link, ["c"], [60_000]) for _ in range(20)]) == [0] * 20
    assert await link.send("SCRIPT", "EXISTS", channel.digest) == [1]


async def test_closing_fails_what_waits_and_what_comes_after(link: Link):
    blocked = link.send("BLPOP", "nothing", 0)
    await asyncio.sleep(0)
    await link.close()
    for command in (blocked, link.send("PING")):
        with pytest.raises(BrokerUnavailable):
            await command
    assert not link.connected


async def test_a_wrong_password_is_said_at_once_without_showing_it(broker_url: str):
    url = f"redis://somebody:secret@127.0.0.1:{port_of(broker_url)}"
    with pytest.raises(AuthenticationFailed, match=r"redis://somebody:\*\*\*@127\.0\.0\.1") as caught:
        await Link(Address.parse(url), name="test", resend=True).open(60)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.redis
async def test_a_password_that_is_refused_at_a_reconnect_is_tried_until_it_works(redis_url: str):
    with configured(redis_url, requirepass="old"):
        url = f"redis://:old@127.0.0.1:{port_of(redis_url)}"
        control, link = await opened(url), await opened(url)
        await control.send("CONFIG", "RESETSTAT")
        await control.send("CONFIG", "SET", "requirepass", "new")
        link.reset()
        waiting = link.send("PING")
        async with asyncio.timeout(SOON):
            while b"errorstat_WRONGPASS" not in await control.send("INFO", "errorstats"):
                assert not waiting.done()
        await control.send("CONFIG", "SET", "requirepass", "old")
        assert await asyncio.wait_for(waiting, SOON) == b"PONG"
        await link.close()
        await control.close()


async def test_where_nothing_listens_the_error_says_where_and_what_to_do():
    url = f"redis://127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnavailable, match=rf"No Redis at {url}: connection refused\. .*--broker") as caught:
        await Link(Address.parse(url), name="test", resend=True).open(0.01)
    assert caught.value.executed == "no"


async def test_a_server_that_hangs_up_may_be_one_that_wants_tls():
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(BrokerUnavailable, match="rediss://"):
            await Link(Address.parse(url), name="test", resend=True).open(0.01)


async def test_a_server_without_tls_is_named_as_the_likely_mistake(broker_url: str):
    link = Link(Address.parse(f"rediss://127.0.0.1:{port_of(broker_url)}"), name="test", resend=True)
    with pytest.raises(BrokerUnavailable, match="write redis://"):
        await link.open(0.2)


@pytest.mark.redis
async def test_a_reply_of_not_now_is_retried_with_pauses_until_it_works(redis_url: str):
    link, opens, often = await opened(redis_url), 0, asyncio.Event()

    async def count() -> None:
        nonlocal opens
        opens += 1
        if opens == 4:
            often.set()

    link.on_open.append(count)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with configured(redis_url, min_replicas_to_write=1):
        written = link.send("SET", "k", "v")
        await asyncio.wait_for(often.wait(), SOON)
        # Each pause is at least 10 ms; a loop without pauses takes one.
        assert loop.time() - begun > 0.03
        assert not written.done()
    assert await asyncio.wait_for(written, SOON) == b"OK"
    await link.close()


@pytest.mark.redis
async def test_a_unix_socket_is_an_address(tmp_path: Path, redis_server: str):
    path = tmp_path / "redis.sock"
    async with EmbeddedBroker("redis-server", options=("--unixsocket", str(path))):
        link = await opened(f"unix://{path}?db=3")
        await link.send("SET", "k", "v")
        assert b"db3:keys=1" in await link.send("INFO", "keyspace")
        await link.close()


def test_it_runs_on_uvloop(broker_url: str):
    uvloop = pytest.importorskip("uvloop")

    async def use() -> list[int]:
        link = await opened(broker_url)
        first = await asyncio.gather(*[link.send("INCR", "n") for _ in range(100)])
        link.reset()
        second = await asyncio.wait_for(asyncio.gather(*[link.send("INCR", "n") for _ in range(100)]), SOON)
        await link.close()
        return first + second

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(use()) == list(range(1, 201))

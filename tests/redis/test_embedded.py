"""The embedded broker: there while it is wanted, gone without a trace afterwards."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from broker.embedded import EmbeddedBroker, Kind
from broker.errors import BrokerUnavailable
from broker.link import Link, ReplyError
from tests.support.servers import opened, port_of, serving

SOON = 10

HOLDER = """
import sys
from broker.embedded import EmbeddedBroker
with EmbeddedBroker(sys.argv[1]) as broker:
    print(broker.url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["fakeredis", "redis"])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "fakeredis":
        return "fakeredis"
    request.getfixturevalue("redis_server")
    return "redis-server"


@pytest.fixture
def holder(kind: Kind, root: Path):
    """A program that holds an embedded broker until it is told to end."""
    command = [sys.executable, "-c", HOLDER, kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, start_new_session=True
    ) as process:
        yield process
        process.kill()


def listening(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_of(url))) == 0


def wait_for_the_end_of(connection: socket.socket) -> None:
    connection.settimeout(SOON)
    with contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_it_answers_inside_the_block_and_is_gone_after_it(kind: Kind):
    with EmbeddedBroker(kind) as broker:
        assert broker.kind == kind
        assert broker.url.startswith("redis://127.0.0.1:")
        assert listening(broker.url)
    assert not listening(broker.url)


async def test_it_is_an_async_context_manager_too(kind: Kind):
    async with EmbeddedBroker(kind) as broker:
        link = await opened(broker.url)
        assert await link.send("PING") == b"PONG"
        await link.close()
    assert not listening(broker.url)


async def test_cancelling_its_start_leaves_nothing_running(kind: Kind):
    broker = EmbeddedBroker(kind)
    entering = asyncio.ensure_future(broker.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert not broker.url or not listening(broker.url)


def test_several_run_side_by_side(kind: Kind):
    with EmbeddedBroker(kind) as one, EmbeddedBroker(kind) as other:
        assert one.url != other.url


def test_stopping_twice_does_nothing(kind: Kind):
    broker = EmbeddedBroker(kind)
    broker.start()
    broker.stop()
    broker.stop()


@pytest.mark.redis
async def test_its_directory_is_private_and_removed_and_nothing_is_saved(redis_server: str):
    async with EmbeddedBroker("redis-server") as broker:
        link = await opened(broker.url)
        directory = Path((await link.send("CONFIG", "GET", "dir"))[1].decode())
        assert directory.stat().st_mode & 0o077 == 0  # noqa: ASYNC240
        assert await link.send("CONFIG", "GET", "save") == [b"save", b""]
        assert await link.send("CONFIG", "GET", "appendonly") == [b"appendonly", b"no"]
        await link.close()
    assert not directory.exists()  # noqa: ASYNC240


def test_it_dies_with_a_parent_that_was_killed(holder: subprocess.Popen[str]):
    with socket.create_connection(("127.0.0.1", port_of(first_line(holder)))) as connection:
        holder.kill()
        wait_for_the_end_of(connection)


def test_an_interrupt_of_the_whole_foreground_group_does_not_reach_it(holder: subprocess.Popen[str]):
    url = first_line(holder)
    with socket.create_connection(("127.0.0.1", port_of(url))) as connection:
        # The program itself is suspended, so that it cannot be what keeps the broker running or ends it.
        os.kill(holder.pid, signal.SIGSTOP)
        os.killpg(holder.pid, signal.SIGINT)
        connection.sendall(b"*1\r\n$4\r\nPING\r\n")
        connection.settimeout(SOON)
        assert connection.recv(7) == b"+PONG\r\n"
        os.kill(holder.pid, signal.SIGCONT)
        wait_for_the_end_of(connection)


def test_without_a_redis_server_on_path_it_is_fakeredis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with EmbeddedBroker() as broker:
        assert broker.kind == "fakeredis"
        assert listening(broker.url)


@pytest.mark.redis
def test_a_server_that_does_not_start_is_an_error_with_its_own_words(
    redis_server: str, capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(BrokerUnavailable, match="did not start"):
        EmbeddedBroker("redis-server", options=("--no-such-setting", "1")).start()
    assert "no-such-setting" in capfd.readouterr().err


def test_in_ci_a_missing_redis_server_is_a_failure_and_elsewhere_a_skip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no redis-server"), serving("redis-server"):
        pass
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no redis-server"), serving("redis-server"):
        pass


@pytest.fixture
async def link(broker_url: str):
    link = await opened(broker_url)
    await link.send("XGROUP", "CREATE", "s", "workers", "0", "MKSTREAM")
    yield link
    await link.close()


async def read_group(link: Link, consumer: str, *count: str | int):
    return await link.send("XREADGROUP", "GROUP", "workers", consumer, *count, "BLOCK", 0, "STREAMS", "s", ">")


async def blocked(link: Link, number: int) -> None:
    """Return once the client of this number waits in a blocking read, by waking it."""
    async with asyncio.timeout(SOON):
        while not await link.send("CLIENT", "UNBLOCK", number):
            pass


@pytest.mark.parametrize("count", [(), ("COUNT", 5)], ids=["uncounted", "counted"])
async def test_a_group_read_waits_for_an_entry(link: Link, broker_url: str, count):
    reader = await opened(broker_url)
    number = await reader.send("CLIENT", "ID")
    reading = asyncio.ensure_future(read_group(reader, "worker", *count))
    await blocked(link, number)
    assert await reading is None
    reading = asyncio.ensure_future(read_group(reader, "worker", *count))
    entry = await link.send("XADD", "s", "*", "m", b"\x00\xff\r\n")
    assert await asyncio.wait_for(reading, SOON) == [[b"s", [[entry, [b"m", b"\x00\xff\r\n"]]]]]
    await reader.close()


async def test_a_reader_that_left_takes_no_entry(link: Link, broker_url: str):
    leaver = await opened(broker_url, resend=False)
    reading = leaver.send("XREADGROUP", "GROUP", "workers", "leaver", "COUNT", 5, "BLOCK", 0, "STREAMS", "s", ">")
    await asyncio.sleep(0)
    await leaver.close()
    async with asyncio.timeout(SOON):
        while len((await link.send("CLIENT", "LIST")).splitlines()) > 1:
            pass
    entry = await link.send("XADD", "s", "*", "m", "v")
    assert (await read_group(link, "stayer", "COUNT", 5))[0][1][0][0] == entry
    assert reading.done()


async def test_a_script_with_an_engine_line_runs(link: Link):
    assert await link.send("EVAL", "#!lua flags=allow-oom\nreturn redis.call('XLEN', KEYS[1])", 1, "s") == 0
    with pytest.raises(ReplyError, match="NOSCRIPT"):
        await link.send("EVALSHA", "0" * 40, 0)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("XGROUP", "CREATE", "s", "workers", "0"), "BUSYGROUP"),
        (("XREADGROUP", "GROUP", "none", "c", "STREAMS", "s", ">"), "NOGROUP"),
        (("LPUSH", "s", "x"), "WRONGTYPE"),
        (("EVAL", "return redis.call('LPUSH', KEYS[1], 'x')", 1, "s"), "WRONGTYPE"),
        (("NOSUCHCOMMAND",), "ERR"),
    ],
    ids=["busygroup", "nogroup", "wrongtype", "in_a_script", "unknown"],
)
async def test_an_error_has_the_first_word_of_redis_and_leaves_the_connection_open(link: Link, command, code):
    number = await link.send("CLIENT", "ID")
    with pytest.raises(ReplyError) as caught:
        await link.send(*command)
    assert caught.value.code == code
    assert await link.send("CLIENT", "ID") == number

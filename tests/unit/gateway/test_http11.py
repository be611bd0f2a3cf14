"""What uvicorn leaves open: heads and bodies that never end, and requests within requests."""

import asyncio

import pytest

from client.gateway import http11
from client.gateway.http11 import make_server
from client.gateway.outgoing import Broken
from client.gateway.server import Listen, _bind


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    if scope["path"] == "/broken":
        raise Broken
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(http11, "HEAD_SECONDS", 0.2)
    server = make_server(hello, most_head=2000, most_connections=2)
    bound = _bind(Listen("127.0.0.1", 0), shared=False)
    serving = asyncio.create_task(server.serve([bound]))
    await server.ready.wait()
    yield bound.getsockname()[1]
    server.should_exit = True
    await serving


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: h\r\n"])
async def test_a_head_that_does_not_end_is_cut_off(port, sent):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_second_head_that_does_not_end_is_cut_off(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    await reader.readuntil(b"ok")
    writer.write(b"GET")

    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_head_that_trickles_in_is_cut_off_all_the_same(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n")
    cut = asyncio.create_task(reader.read())
    async with asyncio.timeout(5):
        while not (await asyncio.wait([cut], timeout=0.01))[0]:
            writer.write(b"X: y\r\n")
    [outcome] = await asyncio.gather(cut, return_exceptions=True)

    # Who is cut off while sending gets a reset.
    assert outcome == b"" or isinstance(outcome, ConnectionError)
    writer.close()


async def test_a_head_without_end_is_refused_when_it_is_too_long(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 30_000)

    async with asyncio.timeout(5):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_who_comes_beyond_the_connections_there_may_be_is_refused_and_the_others_are_served(port):
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]

    async def get(reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        async with asyncio.timeout(5):
            return await reader.readuntil(b"\r\n\r\n")

    refused = await get(*connections[2])
    served = [await get(*connection) for connection in connections[:2]]

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"retry-after: 1\r\n" in refused
    assert b"application/problem+json" in refused
    assert b"too many connections" in await connections[2][0].read()
    assert all(head.startswith(b"HTTP/1.1 200 ") for head in served)
    for _, writer in connections:
        writer.close()


async def test_the_rest_of_a_body_that_trickles_in_behind_its_answer_is_cut_off(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
    await reader.readuntil(b"ok")
    cut = asyncio.create_task(reader.read())
    async with asyncio.timeout(5):
        while not (await asyncio.wait([cut], timeout=0.01))[0]:
            writer.write(b"x")
    [outcome] = await asyncio.gather(cut, return_exceptions=True)

    assert outcome == b"" or isinstance(outcome, ConnectionError)
    writer.close()


async def test_nothing_is_read_behind_a_request_that_says_its_length_twice(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /hidden HTTP/1.1\r\nHost: h\r\n\r\n"
    )

    async with asyncio.timeout(5):
        assert (await reader.read()).count(b"HTTP/1.1 200") == 1
    writer.close()


async def test_the_server_logs_nothing_that_the_gateway_logs_itself(port, caplog):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /broken HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")

    async with asyncio.timeout(5):
        assert b"200 OK" in await reader.read()
    writer.close()
    assert not caplog.records

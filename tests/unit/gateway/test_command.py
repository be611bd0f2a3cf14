"""What is refused before anything is served, and what an application that mounts the gateway sees of it."""

import asyncio

import pytest

from broker.errors import ConfigurationError
from client.command_line.gateway import run_gateway
from client.command_line.typed import UsageError
from client.gateway import Gateway
from client.gateway.server import Listen, read_listen
from tests.support.asgi import Visit, scope

NOWHERE = "redis://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--route", "x"], "is no route"),
        ([], "has no route"),
        (["--route", "/=a", "--route", "/=b"], "Two routes"),
        (["--route", "/=a", "--listen", "nowhere"], "no address to listen at"),
        (["--route", "/=a", "--trust", "x"], "trusted proxy"),
        (["--route", "/=a", "--max-body", "0"], "must be a number above 0"),
        (["--route", "/=a", "--broker", "http://h"], "redis://"),
    ],
)
def test_wrong_options_are_refused_and_the_mistake_is_named(arguments, text):
    with pytest.raises(ConfigurationError, match=text):
        run_gateway(arguments)


@pytest.mark.parametrize("arguments", [["/=a"], ["--nonsense"], ["--timeout", "soon"]])
def test_what_is_not_understood_is_refused(arguments):
    with pytest.raises(UsageError):
        run_gateway(arguments)


@pytest.mark.parametrize(
    ("text", "listen"),
    [("8787", Listen("127.0.0.1", 8787)), ("0.0.0.0:1", Listen("0.0.0.0", 1)), ("[::1]:80", Listen("::1", 80))],
)
def test_an_address_is_read(text, listen):
    assert read_listen(text) == listen
    assert read_listen(listen.url.removeprefix("http://")) == listen


@pytest.mark.parametrize("text", ["", "host", ":", "h:99999", "a b:1", "::1:80"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ConfigurationError, match="no address"):
        read_listen(text)


class TestApplication:
    async def test_a_gateway_without_redis_answers_503(self):
        gateway, visits = Gateway(NOWHERE, routes={"/": "a"}, connect_timeout=0.1), [Visit() for _ in range(3)]

        await asyncio.gather(*(gateway(scope(), visit.receive, visit.send) for visit in visits))

        assert [(visit.status, visit.header("retry-after")) for visit in visits] == [(503, "1")] * 3

    async def test_a_server_is_told_that_it_cannot_start(self):
        sent = []

        async def receive():
            return {"type": "lifespan.startup"}

        async def send(message):
            sent.append(message)

        gateway = Gateway(NOWHERE, routes=["/=a"], connect_timeout=0.1)
        await gateway({"type": "lifespan"}, receive, send)

        assert sent[0]["type"] == "lifespan.startup.failed"
        assert "127.0.0.1:1" in sent[0]["message"]

    @pytest.mark.parametrize(
        ("extensions", "types"),
        [
            ({}, ["websocket.close"]),
            ({"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
        ],
    )
    async def test_a_websocket_is_refused(self, extensions, types):
        sent = []

        async def receive():
            return {"type": "websocket.connect"}

        async def send(message):
            sent.append(message)

        told = {"type": "websocket", "extensions": extensions}
        await Gateway(NOWHERE, routes=["/=a"])(told, receive, send)

        assert [message["type"] for message in sent] == types
        assert sent[0].get("status", 501) == 501

    async def test_another_protocol_is_an_error(self):
        with pytest.raises(ValueError, match="not carrier pigeon"):
            await Gateway(NOWHERE, routes=["/=a"])({"type": "carrier pigeon"}, None, None)

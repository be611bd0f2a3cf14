"""Calls to grpc.aio."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import echo_pb2
import echo_pb2_grpc
import grpc

from bench.load import Operations


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Operations]:
    """The operations of one channel."""
    async with grpc.aio.insecure_channel(urlsplit(url).netloc) as channel:
        stub = echo_pb2_grpc.EchoStub(channel)

        async def echo(a: int, b: int) -> int:
            return (await stub.Add(echo_pb2.AddRequest(a=a, b=b), timeout=60)).sum

        async def payload(text: str) -> str:
            return (await stub.Payload(echo_pb2.Text(text=text), timeout=60)).text

        yield {"echo": echo, "payload": payload}

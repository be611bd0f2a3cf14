"""Calls to FastStream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream.redis import RedisBroker

from bench.load import Operations


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Operations]:
    """The operations of one broker object."""
    # A request takes a connection until its answer: redis-py's own limit of 100 would bound the calls in flight.
    async with RedisBroker(url, max_connections=11_000) as broker:

        async def echo(a: int, b: int) -> int:
            answer = await broker.request({"a": a, "b": b}, stream="add", timeout=60)
            return await answer.decode()

        async def payload(text: str) -> str:
            # A handler of one argument gets the whole message.
            answer = await broker.request(text, stream="payload", timeout=60)
            return await answer.decode()

        yield {
            "echo": echo,
            "payload": payload,
            "submit": lambda a, b: broker.publish({"a": a, "b": b}, stream="add"),
        }

"""Calls to core NATS."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats

from bench.load import Operations


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Operations]:
    """The operations of one connection."""
    connection = await nats.connect(url)

    async def echo(a: int, b: int) -> int:
        return json.loads((await connection.request("bench.add", json.dumps([a, b]).encode(), timeout=60)).data)

    async def payload(text: str) -> str:
        return (await connection.request("bench.payload", text.encode(), timeout=60)).data.decode()

    try:
        yield {"echo": echo, "payload": payload}
    finally:
        await connection.close()

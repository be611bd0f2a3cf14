"""Calls to the floor."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.floor import Caller
from bench.load import Operations


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Operations]:
    """The operations of one caller process."""
    caller = await Caller.connect(url)
    try:
        yield {
            "echo": lambda a, b: caller.call("add", a, b),
            "payload": lambda text: caller.call("payload", text),
            "submit": lambda a, b: caller.submit("add", a, b),
        }
    finally:
        await caller.close()

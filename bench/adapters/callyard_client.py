"""Calls to Callyard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.load import Operations
from client import connect, submit


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Operations]:
    """The operations of one caller process."""
    async with connect(url, max_message_bytes=4 << 20) as services:
        service = services.bench

        async def submitted(a: int, b: int) -> None:
            await submit(service.add, a, b)

        yield {
            "echo": service.add,
            "payload": service.payload,
            "submit": submitted,
            "wait_until": service.add_and_note,
            "thread": service.add_in_thread,
        }

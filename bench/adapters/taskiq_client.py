"""Calls to taskiq."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bench.adapters.taskiq_app import add, broker, payload
from bench.load import Operations

POLL_SECONDS = 0.01


async def result(task: Any) -> Any:
    """The result of a task that was sent."""
    outcome = await task.wait_result(check_interval=POLL_SECONDS, timeout=60)
    outcome.raise_for_error()
    return outcome.return_value


@asynccontextmanager
async def connected(_url: str) -> AsyncIterator[Operations]:
    """The operations of one broker object."""
    await broker.startup()

    async def echo(a: int, b: int) -> int:
        return await result(await add.kiq(a, b))

    async def echoed(text: str) -> str:
        return await result(await payload.kiq(text))

    try:
        yield {"echo": echo, "payload": echoed, "submit": add.kiq}
    finally:
        await broker.shutdown()

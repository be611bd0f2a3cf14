"""Work in threads, off the event loop, that ends soon when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar

import anyio

_Value = TypeVar("_Value")


async def in_thread(threads: Executor, work: Callable[[Callable[[], bool]], _Value]) -> _Value:
    """Run *work* in one of *threads*; it is given a question that turns true when it should stop.

    If cancelled, *work* is never begun, or told to stop and waited for: it does not run on afterwards.

    Raises:
        Exception: What *work* raises.
    """
    unwanted = False

    def stopped() -> bool:
        return unwanted

    task = threads.submit(work, stopped)
    waiting = asyncio.wrap_future(task)
    try:
        return await asyncio.shield(waiting)
    except asyncio.CancelledError:
        unwanted = True
        waiting.add_done_callback(_forget)
        if not task.cancel():
            with anyio.CancelScope(shield=True):
                await asyncio.wait([waiting])
        raise


def _forget(outcome: asyncio.Future[Any]) -> None:
    """Take an outcome that has nobody to go to: one that is never asked for is reported as an error."""
    if not outcome.cancelled():
        outcome.exception()

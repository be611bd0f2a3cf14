"""Plain `def` methods of services: in threads, so that they block nobody, or inline where they ask for it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from client.session.threads import start_in_thread
from worker_runtime.context import Context


async def run_plain(
    ctx: Context,
    threads: Executor,
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    inline: bool,
) -> Any:
    """What *function* returns, run in a thread or, *inline*, on the event loop; awaited where it can be.

    If cancelled, a thread goes on, and keeps the call of *ctx* open until it has ended by itself.

    Raises: what the function raises; `Steering` around what must not cross a future.
    """
    value = function(*args, **kwargs) if inline else await _in_thread(ctx, threads, function, args, kwargs)
    return await value if inspect.isawaitable(value) else value


async def _in_thread(
    ctx: Context, threads: Executor, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    running = start_in_thread(threads, function, args, kwargs)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if not running.done():
            # A thread cannot be stopped.
            ctx.wait_until(running)
        raise

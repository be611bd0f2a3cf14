"""Running plain functions in threads, without their exceptions doing harm on the way back."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from broker.errors import StandIn


class Steering(StandIn, Exception):
    """Carries an exception that must not cross a future."""


def start_in_thread(
    threads: Executor | None, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> asyncio.Future[Any]:
    """Run *function* in a thread, in the context of this call; the future gets what it returns or raises.

    What must not cross a future comes as `Steering` around it. Cancelling the future stops no thread.
    """
    context = contextvars.copy_context()
    return asyncio.get_running_loop().run_in_executor(threads, lambda: context.run(_contained, function, args, kwargs))


async def in_thread(
    threads: Executor | None, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """What *function* returns, run in a thread. If cancelled, the thread ends by itself.

    Raises: what the function raises; `Steering` around what must not cross a future.
    """
    return await start_in_thread(threads, function, args, kwargs)


def _contained(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    try:
        return function(*args, **kwargs)
    except (StopIteration, GeneratorExit, SystemExit, KeyboardInterrupt) as error:
        # A future must not carry these: they would end whatever awaits it, not be raised there.
        raise Steering(error) from error

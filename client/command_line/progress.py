"""How long a call has been going on, for whoever waits at a terminal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

_QUIET_SECONDS: Final = 1.0
"""A call that takes no longer needs no explanation."""
_CLEARED: Final = "\r\x1b[K"


@asynccontextmanager
async def progress(what: str) -> AsyncGenerator[None]:
    """Say every second on standard error that *what* goes on, if that is a terminal; nothing stays of it."""
    if not sys.stderr.isatty():
        yield
        return
    task = asyncio.create_task(_tell(what))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _tell(what: str) -> None:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.sleep(_QUIET_SECONDS)
    try:
        while True:
            _write(f"{_CLEARED}{what} … {loop.time() - begun:.0f} s, Ctrl-C cancels it")
            await asyncio.sleep(1)
    finally:
        _write(_CLEARED)


def _write(text: str) -> None:
    encoded = text.encode(sys.stderr.encoding or "ascii", "replace").decode(sys.stderr.encoding or "ascii")
    print(encoded, end="", file=sys.stderr, flush=True)  # noqa: T201 -- command lines print

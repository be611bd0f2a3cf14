"""The embedded broker: a private Redis for as long as a program runs, so that nothing has to be installed first."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Literal, Self

from broker.errors import BrokerUnavailable

Kind = Literal["redis-server", "fakeredis"]

STOP_SECONDS: Final = 10.0
"""How long the child may take to stop its Redis before it is killed."""


class EmbeddedBroker:
    """A private Redis on loopback, in a child process that ends with this one, however this one ends.

    It is a `redis-server` without persistence if one is on PATH, else fakeredis. Use it as a context manager, `with` or
    `async with`; inside, `url` and `kind` say what runs, and other programs on this machine may use the URL too.
    Whatever it held is gone afterwards. An interrupt (Ctrl-C) does not reach it, so its owner can drain first.

    Attributes:
        url: Where it listens, such as `redis://127.0.0.1:40123`; empty before it runs.
        kind: Which of the two it is; before it runs, which was asked for, if any.
    """

    def __init__(self, kind: Kind | None = None, *, options: tuple[str, ...] = ()) -> None:
        """Choose without starting anything.

        Args:
            kind: Insist on one kind; by default `redis-server` where there is one.
            options: Further arguments for `redis-server`; fakeredis takes none.
        """
        self.url: str = ""
        self.kind: Kind = kind or ("redis-server" if shutil.which("redis-server") else "fakeredis")
        self._options = options
        self._child: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; when this returns it answers commands.

        Raises:
            BrokerUnavailable: it did not start; its own words are on standard error.
        """
        child = self._spawn()
        url = _pipe(child.stdout).readline().strip()
        if not url:
            self.stop()
            raise BrokerUnavailable(
                f"The embedded broker ({self.kind}) did not start; its message stands above. "
                "Start a Redis yourself and pass --broker URL.",
                executed="no",
            )
        self.url = url

    @property
    def running(self) -> bool:
        """Whether it was started and has neither been stopped nor ended by itself."""
        return self._child is not None and self._child.poll() is None

    def stop(self) -> None:
        """Stop it and remove what it left; when this returns the process is gone. Stopping twice does nothing."""
        child, self._child = self._child, None
        if child is None:
            return
        _pipe(child.stdin).close()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        _pipe(child.stdout).close()

    def _spawn(self) -> subprocess.Popen[str]:
        package_parent = str(Path(__file__).resolve().parent.parent)
        search = os.pathsep.join(filter(None, (package_parent, os.environ.get("PYTHONPATH"))))
        self._child = subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, "-m", "broker.embedded_server", self.kind, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": search},
            # A terminal sends Ctrl-C to the whole foreground group; the broker has to outlive the drain.
            start_new_session=True,
        )
        return self._child

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start it without blocking the event loop. If cancelled, nothing is left running."""
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be cancelled: let it finish, so that there is one thing to stop.
            await asyncio.wait([starting])
            _ = starting.cancelled() or starting.exception()
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it without blocking the event loop. If cancelled, it is stopped all the same."""
        await asyncio.to_thread(self.stop)


def _pipe(end: IO[str] | None) -> IO[str]:
    assert end is not None, "the child was started with pipes"
    return end

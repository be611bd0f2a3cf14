"""Signals: one side tells the other, by reference, that something is not wanted any longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

import anyio

from broker.errors import CallCancelled

ABORTED: Final = "The operation was aborted."
CONNECTION_LOST: Final = (
    "An AbortSignal received over RPC was implicitly aborted because the connection back to its trigger was lost."
)
LOOK_SECONDS: Final = 0.05
"""How often a cancel scope is looked at while somebody holds a signal of it: nothing tells when one is cancelled."""


class AbortSignal:
    """Says whether, and why, work is not wanted any longer. Sent, the other side gets one that follows it."""

    def __init__(self) -> None:
        self._reason: str | None = None
        self._given = asyncio.Event()
        self._watchers: list[Callable[[str], None]] = []
        self._looking: asyncio.Task[None] | None = None

    @property
    def aborted(self) -> bool:
        """Whether it was given."""
        return self._reason is not None

    @property
    def reason(self) -> str | None:
        """Why, once it was given."""
        return self._reason

    async def wait(self) -> str:
        """Wait until it is given; the reason. Safe to cancel."""
        await self._given.wait()
        assert self._reason is not None
        return self._reason

    def throw_if_aborted(self) -> None:
        """Do nothing, or raise once it was given.

        Raises:
            CallCancelled: with the reason.
        """
        if self._reason is not None:
            raise CallCancelled(self._reason, executed="maybe")

    @contextmanager
    def scope(self) -> Generator[anyio.CancelScope]:
        """A cancel scope that is cancelled when the signal is given."""
        with anyio.CancelScope() as scope:

            def cancel(_reason: str) -> None:
                scope.cancel()

            self.watch(cancel)
            try:
                yield scope
            finally:
                self.unwatch(cancel)

    def watch(self, watcher: Callable[[str], None]) -> None:
        """Tell *watcher* the reason when the signal is given; at once if it was."""
        if self._reason is not None:
            watcher(self._reason)
        else:
            self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[str], None]) -> None:
        """Tell *watcher* nothing any more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    @property
    def watched(self) -> bool:
        """Whether somebody waits to be told."""
        return bool(self._watchers)

    def keep(self, looking: asyncio.Task[None]) -> None:
        """Keep the task that gives the signal from being collected."""
        self._looking = looking

    def give(self, reason: str) -> None:
        """Give the signal; the first reason counts."""
        if self._reason is None:
            self._reason = reason
            self._given.set()
            watchers, self._watchers = self._watchers, []
            for watcher in watchers:
                watcher(reason)

    def __repr__(self) -> str:
        return f"<signal {'given: ' + self._reason if self._reason is not None else 'not given'}>"


class AbortController:
    """Owns a signal and gives it."""

    def __init__(self) -> None:
        self.signal: Final = AbortSignal()

    def abort(self, reason: Any = None) -> None:
        """Give the signal, with the text of *reason*. Twice is once."""
        self.signal.give(ABORTED if reason is None else str(reason))


def signal_of(scope: anyio.CancelScope) -> AbortSignal:
    """A signal that is given when *scope* is cancelled, as long as somebody watches it."""
    signal = AbortSignal()

    async def look() -> None:
        # Nothing tells when a scope is cancelled, so there is nothing to wait for.
        while not scope.cancel_called and signal.watched:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        if scope.cancel_called:
            signal.give(ABORTED)

    if scope.cancel_called:
        signal.give(ABORTED)
    else:
        # Its first step is taken after this tick, and so after somebody began to watch.
        signal.keep(asyncio.get_running_loop().create_task(look()))
    return signal

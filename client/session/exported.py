"""An object that somebody holds a reference to, and what happens when nobody does any more."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any

from broker.methods.target import RpcTarget
from client.session.running import Runner
from client.session.threads import in_thread
from client.stubs.stub import Stub

_log = logging.getLogger("callyard.session")


class Exported:
    """An object of this process with the number of its holders; the last one to let go disposes it."""

    __slots__ = ("_holders", "runner", "target")

    def __init__(self, target: Any, runner: Runner) -> None:
        self.target = target
        self.runner = runner
        self._holders = 1

    def hold(self) -> None:
        """Count one more holder."""
        self._holders += 1

    def let_go(self) -> None:
        """Count one holder less. On the event loop."""
        self._holders -= 1
        if self._holders == 0:
            self._dispose()

    def discard(self) -> None:
        """Nobody ever got it: only what was made for the sake of sending it is given up."""
        if isinstance(self.target, Stub):
            self.target.dispose()

    def _dispose(self) -> None:
        if isinstance(self.target, Stub):
            # Another one's object, whose calls went through here.
            self.target.dispose()
        elif isinstance(self.target, RpcTarget) and callable(getattr(type(self.target), "dispose", None)):
            task = asyncio.get_running_loop().create_task(self._run_dispose())
            _disposing.add(task)
            task.add_done_callback(_disposing.discard)

    async def _run_dispose(self) -> None:
        dispose: Any = getattr(self.target, "dispose")  # noqa: B009 -- not every target has one
        try:
            if inspect.iscoroutinefunction(dispose):
                await dispose()
            else:
                await in_thread(None, dispose, (), {})
        except asyncio.CancelledError:
            raise
        except BaseException:  # asyncio lets some of them stop the loop
            _log.exception("dispose() of %s failed", type(self.target).__name__)


_disposing: set[asyncio.Task[None]] = set()

"""The watchdog: proves that a worker still works, and ends it when it does not."""

from __future__ import annotations

import enum
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from typing import Final

from worker_runtime.exits import Exit
from worker_runtime.invoking.claims import Held

SLOW_SECONDS: Final = 5.0
"""An event loop that has not turned for so long is reported, with what it is doing."""
STUCK_SECONDS: Final = 60.0
"""One that has not for so long, and holds no call that is still within its time, ends the process."""

_log = logging.getLogger("callyard.worker")


class Verdict(enum.Enum):
    """What is to be done about an event loop."""

    WELL = "well"
    REPORT = "report"
    END = "end"


def judge(silent: float, *, working: bool, reported: bool) -> Verdict:
    """Judge a loop that has not turned for *silent* seconds.

    *working*: it holds calls within their time, so that one of them may be what blocks it.
    """
    if silent >= STUCK_SECONDS and not working:
        return Verdict.END
    return Verdict.REPORT if silent >= SLOW_SECONDS and not reported else Verdict.WELL


class Watchdog:
    """Looks at the event loop of the main thread from another one."""

    def __init__(self, held: Callable[[], Iterable[Held]]) -> None:
        self._held = held
        self._beat = time.monotonic()
        self._reported = False

    def beat(self) -> None:
        """Tell that the loop turns."""
        self._beat = time.monotonic()
        self._reported = False

    def look(self) -> None:
        """Report a loop that is blocked; end the process if it never comes back. Runs in another thread."""
        now = time.monotonic()
        silent = now - self._beat
        working = silent >= STUCK_SECONDS and any(held.held_until > now for held in self._held())
        match judge(silent, working=working, reported=self._reported):
            case Verdict.REPORT:
                self._reported = True
                _log.warning("the event loop has been blocked for %.0f s, by:\n%s", silent, _main_stack())
            case Verdict.END:
                _log.critical(
                    "the event loop has been blocked for %.0f s: the process ends, by:\n%s", silent, _main_stack()
                )
                os._exit(Exit.CRASHED)
            case Verdict.WELL:
                pass


def _main_stack() -> str:
    frames = sys._current_frames()  # pyright: ignore[reportPrivateUsage] -- there is no public way
    frame = frames.get(threading.main_thread().ident or 0)
    return "".join(traceback.format_stack(frame)[-5:]).rstrip() if frame is not None else "?"

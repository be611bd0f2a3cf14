"""`--processes N`: keeps N worker processes running, and replaces one that crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from worker_runtime.config import Settings
from worker_runtime.exits import CHILD, Exit, say

_SOON: Final = 10.0
"""A process that ends within so many seconds crashed at its start."""
_HOPELESS: Final = frozenset({Exit.CONFIGURATION, Exit.NO_REDIS})


def backoff(crashes: int) -> float:
    """Seconds to wait before the next start after so many crashes in a row: 0.1 s doubling to 10 s."""
    return min(10.0, 0.1 * 2 ** min(crashes, 10))


class Slot:
    """One of the N processes, and what became of its predecessors."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._crashes = 0
        self._not_before = 0.0
        self._started = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def start_if_due(self) -> None:
        """Start the process if there is none and its back-off is over."""
        if self.process is None and time.monotonic() >= self._not_before:
            self._started = time.monotonic()
            self.process = subprocess.Popen(  # noqa: S603 -- our own command line
                self._command, env={**os.environ, CHILD: str(os.getpid())}, start_new_session=True
            )

    def reap(self) -> int | None:
        """The exit code if the process has ended; then the next start is planned."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        pid, self.process = self.process.pid, None
        self._crashes = self._crashes + 1 if time.monotonic() - self._started < _SOON else 0
        pause = backoff(self._crashes)
        self._not_before = time.monotonic() + pause
        say(f"worker process {pid} ended with {code}; the next starts in {pause:.1f} s", sys.stderr)
        return code


def supervise(settings: Settings, arguments: Sequence[str]) -> int:
    """Run `settings.processes` workers with *arguments* until a signal; return the worst exit code.

    Signals are passed on, so each process drains by itself. If none could ever start because its
    configuration or Redis is wrong, that code is returned at once.
    """
    wake = threading.Event()
    received: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        wake.set()

    def on_child(_number: int, _frame: object) -> None:
        wake.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    signal.signal(signal.SIGCHLD, on_child)
    command = [sys.executable, "-m", "worker_runtime", *arguments]
    slots = [Slot(command) for _ in range(settings.processes)]
    while not received:
        for slot in slots:
            code = slot.reap()
            if code is not None and code in _HOPELESS:
                _stop(slots)
                return code
            slot.start_if_due()
        wake.wait(0.1)
        wake.clear()
    return _drain(slots, received, settings.grace, wake)


def _drain(slots: Sequence[Slot], received: list[int], grace: float, wake: threading.Event) -> int:
    passed_on = 0
    # The processes end by themselves within the grace period; this is for one that cannot.
    give_up = time.monotonic() + grace + 10
    while any(slot.process is not None and slot.process.poll() is None for slot in slots):
        for number in received[passed_on:]:
            passed_on += 1
            _signal(slots, number)
        if time.monotonic() > give_up:
            _signal(slots, signal.SIGKILL)
        wake.wait(0.1)
        wake.clear()
    codes = [slot.process.returncode for slot in slots if slot.process is not None]
    return max((_outcome(code, received) for code in codes), default=Exit.DRAINED)


def _outcome(code: int, received: Sequence[int]) -> int:
    """The exit code that the end of one process means for all, once these signals were received."""
    if -code in received:
        # It was so young that it did not handle signals yet: it had begun nothing.
        return Exit.DRAINED
    return Exit.CRASHED if code < 0 else code


def _stop(slots: Sequence[Slot]) -> None:
    _signal(slots, signal.SIGTERM)
    for slot in slots:
        if slot.process is not None:
            try:
                slot.process.wait(_SOON)
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait()


def _signal(slots: Sequence[Slot], number: int) -> None:
    for slot in slots:
        if slot.process is not None and slot.process.poll() is None:
            slot.process.send_signal(number)

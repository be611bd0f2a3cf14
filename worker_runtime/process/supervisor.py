"""`--processes N`: keeps N worker processes running, and replaces one that crashes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from worker_runtime.config import Settings
from worker_runtime.exits import CHILD, RELOADED, Exit, parent_gone, say, tell_ready
from worker_runtime.process.child import WorkerProcess

if TYPE_CHECKING:
    from worker_runtime.process.health import Health

_SOON: Final = 10.0
"""A process that ends within so many seconds crashed at its start."""
_HOPELESS: Final = frozenset({Exit.CONFIGURATION, Exit.NO_REDIS})


def backoff(crashes: int) -> float:
    """Seconds to wait before the next start after so many crashes in a row: 0.1 s doubling to 10 s."""
    return min(10.0, 0.1 * 2 ** min(crashes, 10))


class Slot:
    """One of the N processes, and what became of its predecessors."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = list(command)
        self._environment = {**environment, CHILD: str(os.getpid())}
        self._crashes = 0
        self._not_before = 0.0
        self._started = 0.0
        self.process: WorkerProcess | None = None

    @property
    def ready(self) -> bool:
        """Whether its process takes calls."""
        return self.process is not None and self.process.ready and self.process.poll() is None

    def start_if_due(self) -> None:
        """Start the process if there is none and its back-off is over."""
        if self.process is None and time.monotonic() >= self._not_before:
            self._started = time.monotonic()
            self.process = WorkerProcess(self._command, self._environment, own_session=True)

    def reap(self) -> int | None:
        """The exit code if the process has ended; then the next start is planned."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        pid = self.process.pid
        self.process.close()
        self.process = None
        self._crashes = self._crashes + 1 if time.monotonic() - self._started < _SOON else 0
        pause = backoff(self._crashes)
        self._not_before = time.monotonic() + pause
        say(f"worker process {pid} ended with {code}; the next starts in {pause:.1f} s", sys.stderr)
        return code


def supervise(
    settings: Settings, command: Sequence[str], environment: Mapping[str, str], health: Health | None = None
) -> int:
    """Run *command*, with *environment*, in `settings.processes` processes until a signal; return the worst exit code.

    Signals are passed on, so each process drains by itself. If none could ever start because its
    configuration or Redis is wrong, that code is returned at once. For *health* the whole is ready
    while one of them is, and makes progress while this function does.
    """
    wake = threading.Event()
    received = _signals(wake)
    slots = [Slot(command, environment) for _ in range(settings.processes)]
    while not received and not parent_gone():
        for slot in slots:
            code = slot.reap()
            if code is not None and code in _HOPELESS:
                _stop(slots)
                return code
            slot.start_if_due()
        _report(slots, health)
        wake.wait(0.1)
        wake.clear()
    if health is not None:
        health.state = "draining"
    if not received:
        received.append(signal.SIGTERM)
    return _drain(slots, received, settings.grace, wake, health)


def _signals(wake: threading.Event) -> list[int]:
    """The signals that ask this process to end, as they come; *wake* is set by them, and when a process has ended."""
    received: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        received.append(number)
        wake.set()

    def on_child(_number: int, _frame: object) -> None:
        wake.set()

    signal.signal(signal.SIGTERM, on_signal)
    if RELOADED not in os.environ:
        # A terminal sends Ctrl-C to a reloader and its processes alike, and the reloader passes it on as SIGTERM.
        signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGCHLD, on_child)
    return received


def _report(slots: Sequence[Slot], health: Health | None) -> None:
    ready = [slot.ready for slot in slots]
    if all(ready):
        tell_ready(next((slot.process.said for slot in slots if slot.process is not None), ""))
    if health is not None:
        health.state = "ready" if any(ready) else "starting"
        health.beat()


def _drain(
    slots: Sequence[Slot], received: list[int], grace: float, wake: threading.Event, health: Health | None
) -> int:
    passed_on = 0
    # The processes end by themselves within the grace period; this is for one that cannot.
    give_up = time.monotonic() + grace + 10
    while any(slot.process is not None and slot.process.poll() is None for slot in slots):
        for number in received[passed_on:]:
            passed_on += 1
            _signal(slots, number)
        if time.monotonic() > give_up:
            _signal(slots, signal.SIGKILL)
        if health is not None:
            health.beat()
        wake.wait(0.1)
        wake.clear()
    codes = [code for slot in slots if slot.process is not None and (code := slot.process.poll()) is not None]
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
        if slot.process is not None and slot.process.wait(_SOON) is None:
            slot.process.signal(signal.SIGKILL)
            slot.process.wait(_SOON)


def _signal(slots: Sequence[Slot], number: int) -> None:
    for slot in slots:
        if slot.process is not None:
            slot.process.signal(number)

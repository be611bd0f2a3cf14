"""Serving with files being watched: processes, signals and files around the decisions of `takeover`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from broker.errors import RpcError
from worker_runtime.dev.takeover import Command, Takeover
from worker_runtime.dev.watched import changes, configurations, folders
from worker_runtime.exits import RELOADED, Exit, say
from worker_runtime.process.child import WorkerProcess
from worker_runtime.process.first_service import FirstService
from worker_runtime.process.supervisor import backoff

if TYPE_CHECKING:
    from worker_runtime.dev.gateway import DevGateway
    from worker_runtime.process.health import Health

_PAUSE: Final = 0.02
_ENOUGH: Final = 2
"""Signals that say to wait for nothing."""
_LASTING: Final = 10.0
"""A process that served for so many seconds has not crashed at its start."""


class Reloader:
    """Runs *command*, and runs it anew whenever a file changes."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        health: Health | None = None,
        gateway: DevGateway | None = None,
    ) -> None:
        self._command = command
        self._health = health
        self._gateway = gateway
        self._environment = {**environment, RELOADED: str(os.getpid())}
        self._takeover = Takeover()
        self._processes: dict[int, WorkerProcess] = {}
        self._ready: set[int] = set()
        self._reserve: WorkerProcess | None = None
        self._crashes = 0
        self._started = 0.0
        self._due: tuple[int, float] | None = None
        self._signals: list[int] = []
        self._code: int = Exit.DRAINED

    def run(self, targets: Sequence[str], environment: str | None) -> int:
        """Serve until a signal, and return how the last process ended.

        Raises:
            ConfigurationError: There is nothing to watch files with.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: self._signals.append(received))
        watched = folders(targets, environment)
        files = changes(watched, configurations(targets))
        # The first turn comes when the folders are being watched: no change is missed from here on.
        next(files)
        say(f"watching {', '.join(map(_shown, watched))}")
        self._do(self._takeover.changed())
        for changed in files:
            if self._signals:
                break
            # First what became of the processes: one that has just got ready is not to be overtaken.
            if (code := self._look()) is not None:
                return code
            self._report()
            self._keep_reserve()
            if changed:
                say(f"{', '.join(map(_shown, changed[:3]))} changed: starting anew")
                self._do(self._takeover.changed())
            if self._due is not None and time.monotonic() >= self._due[1]:
                self._start(self._due[0])
        return self._stop()

    def _report(self) -> None:
        if self._health is not None:
            self._health.state = "starting" if self._takeover.serving is None else "ready"
            self._health.beat()

    def _look(self) -> int | None:
        """Hear what became of the processes; the exit code where there is no use in going on."""
        for number, process in list(self._processes.items()):
            if process.ready and number not in self._ready:
                self._ready.add(number)
                self._do(self._takeover.ready(number))
                if self._takeover.serving == number:
                    self._turn_gateway(process)
            if (code := process.poll()) is not None:
                del self._processes[number]
                self._ready.discard(number)
                process.close()
                if code == Exit.NO_REDIS and number == 1:
                    return code
                self._do(self._takeover.ended(number))
        return None

    def _turn_gateway(self, process: WorkerProcess) -> None:
        if self._gateway is not None:
            try:
                self._gateway.turn_to(FirstService.load(process.said))
            except RpcError as error:
                say(f"HTTP stays as it was: {error}", sys.stderr)

    def _do(self, commands: Sequence[Command]) -> None:
        for verb, number, text in commands:
            if verb == "start":
                self._start(number)
            elif verb == "start later":
                self._crashes = self._crashes + 1 if time.monotonic() - self._started < _LASTING else 0
                self._due = (number, time.monotonic() + backoff(self._crashes))
            elif verb == "end":
                self._end(number, signal.SIGTERM)
            else:
                say(text, sys.stderr)

    def _start(self, number: int) -> None:
        self._due = None
        self._started = time.monotonic()
        process, self._reserve = self._reserve or self._new(), None
        process.go()
        self._processes[number] = process

    def _new(self) -> WorkerProcess:
        """A process that has imported everything but the services, and waits to be wanted."""
        interactive = sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]
        return WorkerProcess(self._command, self._environment, own_session=not interactive, waits=True)

    def _keep_reserve(self) -> None:
        """Have one in reserve whenever nothing else is starting: importing takes longer than loading a service."""
        if self._reserve is not None and self._reserve.poll() is not None:
            self._reserve.close()
            self._reserve = None
        if self._reserve is None and self._takeover.serving is not None and self._takeover.starting is None:
            self._reserve = self._new()

    def _end(self, number: int, received: int) -> None:
        if (process := self._processes.get(number)) is not None:
            process.signal(received)

    def _stop(self) -> int:
        """Let all processes drain; the second signal makes them abandon what is left, the third ends them."""
        if self._reserve is not None:
            # It has begun nothing.
            self._reserve.signal(signal.SIGKILL)
            self._reserve.wait(1)
            self._reserve.close()
        passed_on = 0
        if self._health is not None:
            self._health.state = "draining"
        self._stop_gateway()
        serving, code = self._takeover.serving, int(Exit.DRAINED)
        while self._processes:
            if passed_on < len(self._signals):
                # One at a time: two that come together are one to who receives them.
                passed_on += 1
                for number in self._processes:
                    self._end(number, signal.SIGTERM if passed_on < 3 else signal.SIGKILL)
            for number, process in list(self._processes.items()):
                if (ended := process.poll()) is not None:
                    del self._processes[number]
                    process.close()
                    code = ended if number == serving else code
            if self._health is not None:
                self._health.beat()
            time.sleep(_PAUSE)
        return Exit.CRASHED if code < 0 else code

    def _stop_gateway(self) -> None:
        """Let requests end while there are services to answer them; a second signal ends that."""
        if self._gateway is None:
            return
        stopping = self._gateway.stop()
        while not stopping.done() and len(self._signals) < _ENOUGH:
            if self._health is not None:
                self._health.beat()
            time.sleep(_PAUSE)


def _shown(path: Path) -> str:
    """A path as short as it can be from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)

"""A worker process as its parent sees it: started, ready, ended."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from worker_runtime.exits import GO, READY

_LONGEST_LINE: Final = 4096
"""So many bytes cross a pipe in one piece."""


class WorkerProcess:
    """A process that serves, from its start on.

    Attributes:
        pid: Its process ID.
        said: What it said of itself when it began to take calls.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, own_session: bool, waits: bool = False
    ) -> None:
        """Start *command* with *environment* on top of ours.

        Args:
            command: The command line.
            environment: Further variables.
            own_session: Whether it leaves the session of the terminal. If not it can read from it, as a debugger does,
                and does not hear its Ctrl-C.
            waits: Whether it loads nothing of a service before `go`.
        """
        self._ready_read, ready_write = os.pipe()
        go_read, self._go_write = os.pipe()
        os.set_blocking(self._ready_read, False)
        variables = {**os.environ, **environment, READY: str(ready_write)}
        if waits:
            variables[GO] = str(go_read)
        before = signal.getsignal(signal.SIGINT)
        if not own_session:
            # What is ignored here stays so in the new process, until it says otherwise.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process = subprocess.Popen(  # noqa: S603 -- our own command line
                command, env=variables, pass_fds=[ready_write, go_read], start_new_session=own_session
            )
        finally:
            os.close(ready_write)
            os.close(go_read)
            if not own_session:
                signal.signal(signal.SIGINT, before)
        self.pid = self._process.pid
        self.said = ""
        self._ready = False
        self._heard = b""

    def go(self) -> None:
        """Let a process that waits load its services. One that has died meanwhile does not."""
        with suppress(BrokenPipeError):
            os.write(self._go_write, b".")

    @property
    def ready(self) -> bool:
        """Whether it said that it takes calls; it may have ended since."""
        if not self._ready:
            with suppress(BlockingIOError):
                self._heard += os.read(self._ready_read, _LONGEST_LINE)
            self._ready = self._heard.endswith(b"\n")
            self.said = self._heard.decode().rstrip()
        return self._ready

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._process.poll()

    def wait(self, timeout: float) -> int | None:
        """Its exit code, or None if it has not ended within *timeout* seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Let go of what its parent kept of it; call once it has ended."""
        os.close(self._ready_read)
        os.close(self._go_write)

"""A program at a terminal, as a person has it: keys are pressed, and what is shown is waited for."""

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

PATIENCE = 30.0
"""Seconds after which what was waited for is taken never to come."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-B]?|[\r\x00\x07]")
"""What moves the cursor or colours the text."""


class Terminal:
    """*command* in a terminal of its own, until the end of the `with` block."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.chdir(cwd)
            os.execvpe(command[0], list(command), dict(environment))
        self._shown = ""

    def press(self, keys: str) -> None:
        """Press *keys*. What was shown before is not looked at again."""
        self._shown = ""
        os.write(self._terminal, keys.encode())

    def wait_for(self, pattern: str) -> str:
        """What was shown since a key was pressed, once *pattern* is found in it."""
        give_up = time.monotonic() + PATIENCE
        while not re.search(pattern, CONTROL.sub("", self._shown)):
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, give_up - time.monotonic()))
            assert ready, f"{pattern!r} was never shown: {self._shown!r}"
            self._shown += os.read(self._terminal, 65536).decode(errors="replace")
        return CONTROL.sub("", self._shown)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

"""`python -m client` as a process of its own, beside one worker."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.workers import ROOT


class Ended(NamedTuple):
    code: int
    out: str
    err: str


class Shell:
    """Where the commands run: beside one worker of the service `reckoner`."""

    def __init__(self, url: str, prefix: str, worker: subprocess.Popen[str]) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CALLYARD_")}
        self.environment = own | {"BROKER_URL": url, "CALLYARD_PREFIX": prefix}
        self.url = url
        self.prefix = prefix
        self.worker = worker

    def start(self, *words: str, **environment: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "client", *words],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A test run in the background ignores Ctrl-C, and its children would inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )

    def run(self, *words: str, **environment: str) -> Ended:
        with self.start(*words, **environment) as process:
            out, err = process.communicate(timeout=30)
        return Ended(process.returncode, out, err)

    def call(self, *words: str, **environment: str) -> Ended:
        return self.run("call", *words, **environment)

    def value(self, *words: str) -> Any:
        """The result of a call as JSON says it."""
        ended = self.call("--json", *words)
        assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
        return json.loads(ended.out)

    def failure(self, *words: str, **environment: str) -> tuple[int, str, dict[str, Any]]:
        """Exit code, the line on standard error, and the error as JSON says it."""
        ended = self.run(*words, "--json", **environment)
        assert ended.err.startswith("error: ")
        assert ended.err.count("\n") == 1, ended.err
        return ended.code, ended.err.rstrip("\n"), json.loads(ended.out)["error"]

    def worker_says(self, line: str) -> None:
        """Return once the worker has printed this line."""
        assert self.worker.stdout
        assert any(said.startswith(line) for said in self.worker.stdout), f"it never said {line!r}"


@contextmanager
def worker_of(folder: Path, url: str, prefix: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "worker_runtime", str(folder), "--broker", url, "--prefix", prefix]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def on_terminal(environment: Mapping[str, str], *words: str, columns: int = 80) -> str:
    """What a terminal of so many columns gets of a command that succeeds."""
    # A test that runs beside others is told a width of its own, which counts for more than that of the terminal.
    own = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
    terminal, other = pty.openpty()
    termios.tcsetwinsize(other, (24, columns))
    with subprocess.Popen(
        [sys.executable, "-m", "client", *words], cwd=ROOT, stdout=other,
        env={**own, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
    ) as process:  # fmt: skip
        os.close(other)
        shown = b"".join(iter(lambda: _read(terminal), b""))
    os.close(terminal)
    assert process.returncode == 0
    return shown.decode()


def _read(terminal: int) -> bytes:
    """What comes from *terminal*; nothing once the other end is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""

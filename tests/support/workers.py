"""Worker processes as a person starts them, and the services that they serve."""

import asyncio
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent.parent
SERVICES = ROOT / "tests" / "acceptance" / "services"
PATIENCE = 20.0
"""Seconds after which what was waited for is taken never to come."""


def service_folder(parent: Path, module: str, *, name: str | None = None, **configuration: Any) -> Path:
    """A folder with the service *module* of these tests and the configuration for it."""
    name = name or module
    folder = parent / name
    folder.mkdir(parents=True)
    shutil.copy(SERVICES / f"{module}.py", folder / f"{module}.py")
    text = json.dumps({"name": name, "main": f"{module}.py", **configuration})
    (folder / "wrangler.jsonc").write_text(text, encoding="utf-8")
    return folder


class WorkerProcess:
    """`python -m worker_runtime` with these arguments, from its start to its exit code."""

    module = "worker_runtime"

    def __init__(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("CALLYARD_", "BROKER_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", self.module, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
        self.pid = self._process.pid
        self.ready_pid = self.pid
        """Of the first process that takes calls."""
        self.output: list[str] = []
        self.errors: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._readers = [
            threading.Thread(target=self._read, args=(self._process.stdout, self.output, self._lines.put)),
            threading.Thread(target=self._read, args=(self._process.stderr, self.errors, lambda _: None)),
        ]
        for reader in self._readers:
            reader.start()

    def ready(self, processes: int = 1) -> list[int]:
        """The process IDs of *processes* ready lines, once they were printed."""
        pids: list[int] = []
        give_up = time.monotonic() + PATIENCE
        while len(pids) < processes:
            line = self._lines.get(timeout=max(0.01, give_up - time.monotonic()))
            assert line is not None, f"it ended with {self.ended()}: {''.join(self.errors)}"
            if line.startswith("ready "):
                pids.append(int(line.partition("pid=")[2].split()[0]))
        self.ready_pid = pids[0]
        return pids

    def line(self) -> str:
        """The next line of its output."""
        line = self._lines.get(timeout=PATIENCE)
        assert line is not None, f"it ended with {self.ended()}: {''.join(self.errors)}"
        return line

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def ended(self) -> int:
        """Its exit code, once it has ended and everything it said was read."""
        code = self._process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def terminate(self) -> int:
        """Its exit code after a drain."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def close(self) -> None:
        """End it, however it stands."""
        if self.running:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.ended()

    @staticmethod
    def _read(pipe: IO[str], into: list[str], tell: Callable[[str | None], None]) -> None:
        with pipe:
            for line in pipe:
                into.append(line)
                tell(line)
        tell(None)


class Workers:
    """Starts workers on one broker under one prefix."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.prefix = prefix
        self.started: list[WorkerProcess] = []

    def start(
        self, *arguments: str | Path, lease: str = "1s", environment: Mapping[str, str] | None = None
    ) -> WorkerProcess:
        """A worker that may not be ready yet."""
        worker = WorkerProcess(
            *arguments, "--broker", self.url, "--prefix", self.prefix, "--lease", lease, environment=environment
        )
        self.started.append(worker)
        return worker

    def serve(self, *arguments: str | Path, lease: str = "1s") -> WorkerProcess:
        """A worker that is ready."""
        worker = self.start(*arguments, lease=lease)
        worker.ready()
        return worker

    def close(self) -> None:
        for worker in self.started:
            if worker.running:
                # All at once, then one after the other: drains take their time.
                worker.signal(signal.SIGCONT)
                worker.signal(signal.SIGTERM)
        for worker in self.started:
            worker.close()


@contextmanager
def workers_on(url: str, prefix: str) -> Iterator[Workers]:
    workers = Workers(url, prefix)
    try:
        yield workers
    finally:
        workers.close()


class Diary:
    """A file that services write lines into, and tests wait for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @property
    def lines(self) -> list[str]:
        return self.path.read_text(encoding="utf-8").splitlines()

    async def says(self, line: str, times: int = 1) -> None:
        """Wait until *line* was written so many times."""
        await until(lambda: self.lines.count(line) >= times, f"{line!r} in {self.lines}")


async def until(condition: Callable[[], object], what: str = "the condition", patience: float = PATIENCE) -> None:
    """Wait until *condition* holds, and fail if it never does."""
    give_up = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up, f"waited in vain for {what}"
        await asyncio.sleep(0.01)

"""The processes of one measurement: broker, server and client, each new and each gone at the end."""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import redis

from bench import tally
from bench.accounting import tree
from bench.environments import HOME, ROOT, bin_of, filled
from bench.load import Task
from bench.systems import System

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 15.0


class Failed(Exception):
    """A process of a measurement ended or stayed silent; the message says which, and its last words."""


def environment(folder: Path, name: str) -> dict[str, str]:
    """What servers and clients see: this project as their code, nothing of ours from outside."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("CALLYARD_", "BROKER_"))}
    path = os.pathsep.join((str(ROOT), str(HOME / name / "generated")))
    return {**own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", tally.VARIABLE: str(folder / "tally")}


def free_port() -> int:
    """A port of loopback that nobody has at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


class Place:
    """Where one measurement takes place: a folder, ports, and the processes by their part."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.folder = folder
        self.port = free_port()
        self.url = f"{'nats' if system.broker == 'nats' else 'redis'}://127.0.0.1:{self.port}"
        self.broker: subprocess.Popen[bytes] | None = None
        self.server: subprocess.Popen[bytes] | None = None
        (folder / "tally").mkdir()

    @property
    def ran(self) -> int:
        """How many calls the servers have run."""
        return tally.total(self.folder / "tally")

    def start_broker(self) -> None:
        """Start the broker that the system needs and wait until it answers."""
        commands = {
            "redis": ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no",
                      "--maxclients", "12000", "--dir", str(self.folder)],
            "nats": [str(bin_of(self.system.name) / "nats-server"), "-a", "127.0.0.1", "-p", str(self.port)],
        }  # fmt: skip
        if self.system.broker in commands:
            says = "Ready to accept connections" if self.system.broker == "redis" else "Server is ready"
            self.broker = self._start(commands[self.system.broker], "broker", says)

    def start_server(self) -> None:
        """Start the server and wait until it takes calls."""
        command = filled(self.system.server, self.system.name, url=self.url, port=str(self.port))
        self.server = self._start(command, "server", self.system.ready)

    def stop_server(self) -> None:
        """End the server as an operator would."""
        self.server = self._stop(self.server)

    def close(self) -> None:
        """End everything."""
        self.stop_server()
        self.broker = self._stop(self.broker)

    def redis(self) -> redis.Redis:
        """The broker, seen from outside."""
        return redis.Redis(port=self.port, protocol=2)

    def pids(self, part: str) -> list[int]:
        """The processes of one part."""
        process = getattr(self, part)
        return [] if process is None else tree(process.pid)

    def _start(self, command: list[str], part: str, says: str) -> subprocess.Popen[bytes]:
        log = self.folder / f"{part}.log"
        seen = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                env=environment(self.folder, self.system.name) | {"BENCH_URL": self.url},
            )  # fmt: skip
        give_up = time.monotonic() + START_SECONDS
        while says.encode() not in log.read_bytes()[seen:]:
            if process.poll() is not None or time.monotonic() > give_up:
                self._stop(process)
                raise Failed(f"the {part} did not start: {log.read_text()[-500:]}")
            time.sleep(0.005)
        return process

    def _stop(self, process: subprocess.Popen[bytes] | None) -> None:
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                for pid in reversed(tree(process.pid)):
                    os.kill(pid, 9)
                process.wait()


@contextmanager
def place_for(system: System) -> Iterator[Place]:
    """A fresh place, with its broker running."""
    with tempfile.TemporaryDirectory(prefix="callyard-bench-") as folder:
        place = Place(system, Path(folder))
        try:
            place.start_broker()
            yield place
        finally:
            place.close()


class Client:
    """The load generator as a process; a context manager."""

    def __init__(self, place: Place, task: Task) -> None:
        command = [str(bin_of(place.system.name) / "python"), "-m", "bench.load", json.dumps(dataclasses.asdict(task))]
        self._errors = place.folder / "client.log"
        with self._errors.open("ab") as errors:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=environment(place.folder, place.system.name) | {"BENCH_URL": place.url},
            )  # fmt: skip
        self.pid = self._process.pid
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def expect(self, event: str, seconds: float) -> dict[str, Any]:
        """Its next words, which have to be *event*.

        Raises:
            Failed: it says something else, or nothing.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise Failed(f"the client said nothing for {seconds:.0f} s instead of {event!r}") from None
        if not line:
            raise Failed(f"the client ended: {self._errors.read_text()[-500:].strip()}")
        said: dict[str, Any] = json.loads(line)
        if said["event"] != event:
            raise Failed(f"the client said {said['event']!r} instead of {event!r}")
        return said

    def go_on(self) -> None:
        """Let it take the next step."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        """It is running."""
        return self

    def __exit__(self, *_: object) -> None:
        """It is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
            self._process.wait(STOP_SECONDS)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

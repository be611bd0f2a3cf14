"""The child process of the embedded broker: `python -m broker.embedded_server KIND [OPTION ...]`.

Prints the URL once commands are answered, and ends when its standard input does, which is when its parent is gone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ATTEMPTS: Final = 5
"""Another process may take the free port before `redis-server` does; so often is a new one tried."""

TERMINATE_SECONDS: Final = 5.0


def main() -> int:
    """Serve until standard input ends or SIGTERM comes; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    kind, *options = sys.argv[1:]
    serve = _fakeredis if kind == "fakeredis" else _redis_server
    with serve(options) as port:
        sys.stdout.write(f"redis://127.0.0.1:{port}\n")
        sys.stdout.flush()
        # Unbuffered: a buffered reader holds a lock that a signal handler's exit would meet again.
        while os.read(sys.stdin.fileno(), 4096):
            pass
    return 0


def _leave(_signal: int, _frame: object) -> None:
    sys.exit(0)


@contextmanager
def _fakeredis(_options: list[str]) -> Generator[int]:
    from broker.embedded_fake import FakeRedisServer

    server = FakeRedisServer(("127.0.0.1", 0))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.server_close()


@contextmanager
def _redis_server(options: list[str]) -> Generator[int]:
    program = shutil.which("redis-server")
    if program is None:
        sys.exit("There is no redis-server on PATH.")
    directory = Path(tempfile.mkdtemp(prefix="callyard-redis-"))
    process: subprocess.Popen[str] | None = None
    try:
        process, port = _start(program, directory, options)
        threading.Thread(target=_watch, args=(process,), daemon=True).start()
        yield port
    finally:
        # A second SIGTERM must not cut the cleaning up short.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if process is not None:
            _terminate(process)
        shutil.rmtree(directory, ignore_errors=True)


def _start(program: str, directory: Path, options: list[str]) -> tuple[subprocess.Popen[str], int]:
    said: list[str] = []
    for _ in range(ATTEMPTS):
        port = _free_port()
        process = subprocess.Popen(  # noqa: S603 -- the redis-server found on PATH
            [program, *_arguments(directory, port), *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        said = _until_ready(process)
        if process.poll() is None:
            return process, port
    sys.exit("redis-server ended at once:\n" + "".join(said[-10:]))


def _arguments(directory: Path, port: int) -> list[str]:
    # An empty list of save points and no append-only file: nothing of it is to outlive its owner.
    persistence = ["--save", "", "--appendonly", "no", "--dir", str(directory)]
    return ["--bind", "127.0.0.1", "--port", str(port), *persistence, "--daemonize", "no", "--logfile", ""]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_ready(process: subprocess.Popen[str]) -> list[str]:
    """Read what *process* says until it takes connections or ends; returns the lines."""
    said: list[str] = []
    for line in _output(process):
        said.append(line)
        if "Ready to accept connections" in line:
            return said
    process.wait()
    return said


def _watch(process: subprocess.Popen[str]) -> None:
    for _ in _output(process):
        # A pipe that nobody empties would stop the server.
        pass
    process.wait()
    os.kill(os.getpid(), signal.SIGTERM)


def _output(process: subprocess.Popen[str]) -> Any:
    return process.stdout


def _terminate(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(TERMINATE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())

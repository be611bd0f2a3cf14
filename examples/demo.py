"""The seed's first example, whole: a broker, Worker A, Worker B, and callers. `make demo` runs it.

Nothing has to be there first; everything that is started here is gone when it ends.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from broker.embedded import EmbeddedBroker
from client import connect, connect_blocking

EXAMPLES = Path(__file__).parent
PATIENCE = 30.0
"""Seconds that a worker may take to start or to stop."""


@contextmanager
def running(folder: Path, broker_url: str) -> Iterator[None]:
    """Run the service that *folder* configures for the length of the block, and drain it at the end."""
    command = [sys.executable, "-m", "worker_runtime", str(folder), "--broker", broker_url]
    with subprocess.Popen(command, cwd=EXAMPLES.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            print("   ", wait_until_ready(process))
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)
    if process.returncode:
        raise SystemExit(f"The worker of {folder} ended with exit code {process.returncode}.")


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    """Return the line in which the worker says that it takes calls."""
    assert process.stdout is not None
    alarm = Timer(PATIENCE, process.kill)
    alarm.start()
    try:
        for line in process.stdout:
            if line.startswith("ready"):
                return line.strip()
    finally:
        alarm.cancel()
    raise SystemExit("The worker ended before it was ready.")


async def call(broker_url: str) -> None:
    """Call Worker A, which calls Worker B; then Worker B itself."""
    async with connect(broker_url) as services:
        response = await services.worker_a.fetch("http://worker-a/")
        print("Worker A calls Worker B through its binding:")
        print(await response.text())

        print("From an async program, services.worker_b.add(1, 2):", await services.worker_b.add(1, 2))


def call_blocking(broker_url: str) -> None:
    """Call Worker B from a program that knows nothing of event loops."""
    with connect_blocking(broker_url) as services:
        print("From a blocking one,   services.worker_b.add(1, 2):", services.worker_b.add(1, 2))


def main() -> None:
    """Start everything, call it, and stop it again."""
    with EmbeddedBroker() as broker:
        print(f"A private {broker.kind} at {broker.url}, and two workers:")
        with running(EXAMPLES / "add/worker_b", broker.url), running(EXAMPLES / "add/worker_a", broker.url):
            asyncio.run(call(broker.url))
            call_blocking(broker.url)


if __name__ == "__main__":
    main()

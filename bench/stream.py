"""`python -m bench.stream`: a stream of one GiB through a worker, and the memory that each process took meanwhile."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import redis

from bench.accounting import resident_bytes
from broker.embedded import EmbeddedBroker
from client import connect

CHUNKS, SIZE = 16_384, 65_536

SERVICE = """
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def blob(self, chunks: int, size: int):
        piece = b"x" * size
        for _ in range(chunks):
            yield piece
"""


async def read(url: str, worker: int) -> dict[str, Any]:
    """Read the stream, and look at the memory of all three every two hundred chunks."""
    most = dict.fromkeys(("client", "worker", "redis"), 0.0)
    with redis.Redis.from_url(url, protocol=2) as broker:

        def look() -> dict[str, float]:
            pids = {"client": [os.getpid()], "worker": [worker]}
            now = {part: resident_bytes(pid) / 1e6 for part, pid in pids.items()}
            now["redis"] = int(broker.info("memory")["used_memory"]) / 1e6
            most.update({part: max(most[part], value) for part, value in now.items()})
            return now

        async with connect(url) as services:
            before = look()
            begun, bytes_, chunks = time.perf_counter(), 0, 0
            async for piece in services.streaming.blob(CHUNKS, SIZE):
                bytes_ += len(piece)
                chunks += 1
                if chunks % 200 == 0:
                    look()
            took = time.perf_counter() - begun
    return {"bytes": bytes_, "seconds": took, "before": before, "most": most}


def main() -> int:
    """Run it and print what was seen."""
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "wrangler.toml").write_text('name = "streaming"\nmain = "service.py"\n')
        (Path(folder) / "service.py").write_text(SERVICE)
        command = [sys.executable, "-m", "worker_runtime", folder, "--broker", broker.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            print(worker.stdout.readline().strip())
            seen = asyncio.run(read(broker.url, worker.pid))
            worker.terminate()
    print(f"{seen['bytes'] / 2**30:.2f} GiB in {seen['seconds']:.1f} s on {broker.kind}")
    for part, most in seen["most"].items():
        print(f"{part:7} {seen['before'][part]:6.1f} MB before, {most:6.1f} MB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())

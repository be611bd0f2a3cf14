"""One caller and one worker in lockstep: calls leave together, all come back, then the next leave.

So the same things happen in every round whatever the machine is doing, and counting them gives the
same figure every time. The worker is a process of its own, as a user would start it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import redis

from bench.watch import ROOT, Watch
from broker.embedded import EmbeddedBroker
from client import Services, connect

WARM_UP: Final = 30
"""Rounds before the first that counts: connections, scripts, caches."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen at both ends and between them while so many *calls* were made."""

    calls: int
    client: dict[str, Any]
    worker: dict[str, Any]
    commands: dict[str, tuple[int, float]]
    """Of each command of Redis, those in scripts too: how many, and their microseconds together."""
    network: dict[str, int]
    """What Redis read and wrote: `bytes_in`, `bytes_out`, `reads`, `writes`."""
    redis_cpu: float
    """Its CPU seconds."""


@contextmanager
def stage() -> Iterator[str]:
    """The URL of a private `redis-server` that a worker with the watched service is ready on."""
    with EmbeddedBroker("redis-server") as broker, _worker(broker.url):
        yield broker.url


@contextmanager
def _worker(url: str) -> Iterator[None]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CALLYARD_", "BROKER_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker_runtime", "bench/watched", "--broker", url], cwd=ROOT, stdout=subprocess.PIPE,
        text=True, env={**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        if not any(line.startswith("ready ") for line in process.stdout):
            raise RuntimeError(f"the worker ended with {process.wait()}")
        yield
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def look(url: str, what: str, in_flight: int, rounds: int) -> Seen:
    """Look at *what* at both ends during so many rounds of *in_flight* calls."""
    own = Watch()
    async with connect(url) as services:
        await _step(services, in_flight, WARM_UP)
        with redis.Redis.from_url(url, protocol=2) as broker:
            await services.watched.begin(what)
            before = _Accounts(broker)
            own.begin(what)
            await _step(services, in_flight, rounds)
            client = own.end()
            after = _Accounts(broker)
        worker = await services.watched.end()
    commands = {
        name: (calls - before.commands.get(name, (0, 0.0))[0], spent - before.commands.get(name, (0, 0.0))[1])
        for name, (calls, spent) in after.commands.items()
        if name not in _OURS and calls > before.commands.get(name, (0, 0.0))[0]
    }
    network = {name: after.network[name] - before.network[name] for name in after.network}
    return Seen(in_flight * rounds, client, worker, commands, network, after.cpu - before.cpu)


async def _step(services: Services, in_flight: int, rounds: int) -> None:
    stub = services.watched
    for _ in range(rounds):
        # A call starts when it is made: all of these leave in one tick of the event loop.
        for call in [stub.add(1, 2) for _ in range(in_flight)]:
            await call


_OURS: Final = frozenset({"info"})
"""What asking for the accounts itself adds to them."""
_NETWORK: Final = {
    "bytes_in": "total_net_input_bytes", "bytes_out": "total_net_output_bytes",
    "reads": "total_reads_processed", "writes": "total_writes_processed",
}  # fmt: skip


class _Accounts:
    """What Redis has counted so far."""

    def __init__(self, broker: redis.Redis) -> None:
        found: dict[str, Any] = dict(broker.info("commandstats", "stats", "cpu"))
        self.commands = {
            name.removeprefix("cmdstat_"): (int(counted["calls"]), float(counted["usec"]))
            for name, counted in found.items()
            if name.startswith("cmdstat_")
        }
        self.network = {name: int(found[theirs]) for name, theirs in _NETWORK.items()}
        self.cpu = float(found["used_cpu_sys"]) + float(found["used_cpu_user"])

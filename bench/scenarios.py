"""What is measured of each system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from bench.systems import Operation, System

Kind = Literal["window", "drained", "backlog", "idle"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of load.

    `window` keeps calls in flight for some seconds; `drained` does so too and waits until the
    worker has run them all; `backlog` queues calls without a worker and then starts it; `idle`
    makes no calls.
    """

    name: str
    title: str
    kind: Kind
    operation: Operation = "echo"
    in_flight: int = 1
    size: int = 0
    calls: int = 0
    only: tuple[str, ...] = ()
    """Names of the systems that it is for, where it is not for all."""
    seconds: float = 0.0
    """How long its window lasts, where that is not for the command line to say."""
    rounds: int = 1000
    """Most rounds it takes part in: what lasts long says enough in one."""

    def fits(self, system: System) -> bool:
        """Whether *system* can do it."""
        able = self.operation in system.operations and (self.kind != "backlog" or system.durable)
        return able and (not self.only or system.name in self.only)


ECHO: Final = (1, 64, 512, 5000)
PAYLOADS: Final = ((1 << 10, 64), (64 << 10, 16), (1 << 20, 4))
"""Bytes, and calls in flight."""
SMALL_BACKLOG: Final = 10_000
"""Calls; fewer are gone before they can be measured."""
LARGE_BACKLOG: Final = 100_000
LARGEST_BACKLOG: Final = 1_000_000
LASTING_SECONDS: Final = 15
"""Long enough for memory that grows with every call to stand out from what comes and goes."""
LARGE_BACKLOG_SYSTEMS: Final = ("callyard-uvloop", "callyard", "floor")
"""Who gets a backlog above the small one: the others would need hours."""
LARGEST_BACKLOG_SYSTEMS: Final = ("callyard-uvloop", "floor")


def size_title(size: int) -> str:
    """*size* bytes for people."""
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size >> 10} KiB"


def backlog(calls: int) -> Scenario:
    """A backlog of so many calls."""
    only = LARGE_BACKLOG_SYSTEMS if calls > SMALL_BACKLOG else ()
    rounds = 1000
    if calls >= LARGEST_BACKLOG:
        only, rounds = LARGEST_BACKLOG_SYSTEMS, 1
    title = f"backlog of {calls:,}"
    return Scenario(f"backlog-{calls}", title, "backlog", "submit", 256, calls=calls, only=only, rounds=rounds)


SCENARIOS: Final = (
    *(Scenario(f"echo-{n}", f"echo, {n:,} in flight", "window", "echo", n) for n in ECHO),
    Scenario("submit", "one-way, 64 in flight", "drained", "submit", 64),
    Scenario("wait-until", "echo with a waitUntil task, 64 in flight", "window", "wait_until", 64),
    Scenario("thread", "plain `def` in a thread, 64 in flight", "window", "thread", 64),
    *(
        Scenario(f"payload-{size}", f"{size_title(size)} there and back, {n} in flight", "window", "payload", n, size)
        for size, n in PAYLOADS
    ),
    backlog(SMALL_BACKLOG),
    backlog(LARGE_BACKLOG),
    backlog(LARGEST_BACKLOG),
    Scenario(
        "lasting",
        f"echo, 5,000 in flight for {LASTING_SECONDS} s",
        "window",
        "echo",
        5000,
        seconds=LASTING_SECONDS,
        rounds=1,
        only=LARGE_BACKLOG_SYSTEMS,
    ),
    Scenario("idle", "no calls", "idle", rounds=1),
)
QUICK: Final = ("echo-1", "echo-64", "echo-5000", f"payload-{PAYLOADS[0][0]}", f"backlog-{SMALL_BACKLOG}", "idle")
"""What a short look looks at."""

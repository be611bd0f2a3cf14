"""The load generator: one client process that keeps calls in flight. Runs in the environment of a system.

It talks to the harness over its pipes, so that the CPU of every process is read at the edges of
the same window: `begin`, `end` (then it waits for a line), its figures (again), and the end.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

Operations = dict[str, Callable[..., Awaitable[Any]]]
"""What a client adapter offers, by operation: `echo`, `payload`, `submit`, ..."""

QUANTILES: Final = [*(step / 100 for step in range(100)), 0.995, 0.999, 1.0]
PATIENCE: Final = 30.0
"""Seconds that calls still in flight at the end may take."""
MOST_FAILURES: Final = 1000
LONGEST_WARM_UP: Final = 15.0
NOTED_BYTES: Final = 8
"""Memory that the load generator itself takes for each call of the window."""


@dataclass
class Task:
    """What the harness asks for."""

    client: str
    url: str
    operation: str
    in_flight: int
    size: int = 0
    """Characters of the payload."""
    seconds: float = 3.0
    warm_up: float = 0.5
    calls: int = 0
    """Make exactly so many calls and measure all of them; otherwise as many as fit into `seconds`."""
    uvloop: bool = False

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What each call is made with."""
        return ("x" * self.size,) if self.operation == "payload" else (1, 2)

    @property
    def result(self) -> Any:
        """What each call has to give."""
        return None if self.operation == "submit" else self.arguments[0] if self.operation == "payload" else 3


@dataclass
class Record:
    """What was seen."""

    made: int = 0
    """All calls that succeeded."""
    latencies: array[float] = field(default_factory=lambda: array("d"))
    """Seconds of each call since the window began; those of calls that ended after it come last."""
    within: int = 0
    """How many of them ended within the window."""
    failures: Counter[str] = field(default_factory=Counter[str])
    began: float = 0.0
    made_before: int = 0
    ended: float = 0.0

    def open(self) -> None:
        """Begin the window; the harness reads the accounts now."""
        say(event="begin")
        self.latencies = array("d")
        self.failures.clear()
        self.made_before = self.made
        self.began = time.perf_counter()

    def close(self) -> None:
        """End the window; returns when the harness has read the accounts."""
        self.ended = time.perf_counter()
        self.within = len(self.latencies)
        say(event="end")
        sys.stdin.readline()

    def failed(self, error: BaseException) -> None:
        """Count a call that failed.

        Raises:
            RuntimeError: nothing else happens.
        """
        self.failures[type(error).__name__] += 1
        if self.failures.total() >= MOST_FAILURES and not self.latencies:
            raise RuntimeError(f"only failures: {type(error).__name__}: {error}")

    def figures(self) -> dict[str, Any]:
        """What the harness gets."""
        # Calls still in flight at the end took their time outside the window, as did the CPU they cost.
        ordered = sorted(self.latencies[: self.within])
        last = len(ordered) - 1
        return {
            "event": "figures",
            "seconds": self.ended - self.began,
            "calls": len(ordered),
            "quantiles": [[share, ordered[round(share * last)]] for share in QUANTILES] if ordered else [],
            "failures": dict(self.failures),
        }


def say(**event: Any) -> None:
    """Tell the harness."""
    print(json.dumps(event), flush=True)


async def keep_in_flight(task: Task, operations: Operations, record: Record) -> None:
    """Make calls, `in_flight` of them at any time, until the window has ended."""
    operation = operations[task.operation]
    arguments, result = task.arguments, task.result
    left = task.calls or sys.maxsize
    running = True

    async def one_after_the_other() -> None:
        nonlocal left
        while running and left > 0:
            left -= 1
            begun = time.perf_counter()
            try:
                value = await operation(*arguments)
                if result is not None and value != result:
                    raise ValueError(f"got {value!r:.50}")
            except Exception as error:
                record.failed(error)
            else:
                record.made += 1
                record.latencies.append(time.perf_counter() - begun)

    callers = [asyncio.ensure_future(one_after_the_other()) for _ in range(task.in_flight)]
    try:
        if task.calls:
            record.open()
            await asyncio.gather(*callers)
        else:
            await warmed_up(task, callers, record)
            record.open()
            await asyncio.wait(callers, timeout=task.seconds, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        record.close()
        running = False
        done, late = await asyncio.wait(callers, timeout=PATIENCE)
        for caller in late:
            caller.cancel()
    for caller in done:
        caller.result()


async def warmed_up(task: Task, callers: list[asyncio.Future[None]], record: Record) -> None:
    """Let the calls run until each place had its first answer, if that comes about."""
    give_up = time.perf_counter() + LONGEST_WARM_UP
    await asyncio.wait(callers, timeout=task.warm_up, return_when=asyncio.FIRST_EXCEPTION)
    while record.made < task.in_flight and time.perf_counter() < give_up and not any(c.done() for c in callers):
        await asyncio.wait(callers, timeout=0.05, return_when=asyncio.FIRST_EXCEPTION)


async def run(task: Task, module: Any) -> None:
    """Connect, measure, report, and leave when told to."""
    record = Record()
    async with module.connected(task.url) as operations:
        say(event="connected")
        sys.stdin.readline()
        await keep_in_flight(task, operations, record)
        leave(record)


def run_blocking(task: Task, module: Any) -> None:
    """The same for a client that is not asyncio: bursts of calls, one burst after the other.

    `bursts` of the adapter sends as many calls as it is told and yields as each of them ends.
    """
    record = Record()
    with module.bursts(task.url, task.operation) as burst:
        say(event="connected")
        sys.stdin.readline()

        def once() -> None:
            begun = time.perf_counter()
            for value in burst(task.in_flight, *task.arguments):
                if task.result is not None and value != task.result:
                    record.failed(ValueError(f"got {value!r:.50}"))
                    continue
                record.made += 1
                record.latencies.append(time.perf_counter() - begun)

        if not task.calls:
            once()
        record.open()
        give_up = record.began + task.seconds
        while record.made - record.made_before < task.calls if task.calls else time.perf_counter() < give_up:
            once()
        record.close()
        leave(record)


def leave(record: Record) -> None:
    """Report, and stay until the harness has looked at this process."""
    say(**record.figures(), made=record.made, made_before=record.made_before)
    sys.stdin.readline()


def main() -> None:
    """Do what the harness says in the first argument."""
    task = Task(**json.loads(sys.argv[1]))
    module = importlib.import_module(f"bench.adapters.{task.client}")
    if hasattr(module, "bursts"):
        run_blocking(task, module)
    elif task.uvloop:
        import uvloop

        uvloop.run(run(task, module))
    else:
        asyncio.run(run(task, module))


if __name__ == "__main__":
    main()

"""`python -m bench.profile`: where the microseconds of one call go, by stage, at both ends and in Redis.

The product is not instrumented and runs at its full speed: a timer of the operating system looks at
both ends at even steps of the CPU time that they use, and a stage has the share of the CPU that it
has of these samples. What C code takes counts with the function that called it: pydantic with
`validate`, the writing of a socket with `write`. The event loop is what is in no function: waiting,
reading sockets, calling back. The title line of each end says how many samples there were: a stage
that was found n times is right to about one part in the square root of n.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import uvloop

from bench.lockstep import Seen, look, stage
from bench.stages import GENERATOR, LOOP, STAGES, costs

ROUNDS: Final = {1: 20_000, 64: 4_000}
"""By calls in flight: about ten seconds, and a thousand samples, of each end."""
_BAR: Final = 40


@dataclass(frozen=True, slots=True)
class Part:
    """Client, worker or Redis: microseconds of CPU of one call by stage, and of the functions that took most."""

    name: str
    stages: Mapping[str, float]
    dearest: Sequence[tuple[str, float]] = ()
    samples: int = 0

    @property
    def cpu(self) -> float:
        """In all."""
        return sum(self.stages.values())


def part_of(end: str, found: Mapping[str, int], cpu: float, calls: int) -> Part:
    """One end, from how often each of its functions was found and the seconds of CPU for so many calls."""
    samples = sum(found.values())
    each = {label: count / max(1, samples) * cpu * 1e6 / calls for label, count in found.items()}
    return Part(end, costs(end, each), sorted(each.items(), key=lambda pair: -pair[1]), samples)


def part_of_redis(seen: Seen) -> Part:
    """Redis, from its own accounts: the time of its commands, and what is left of its CPU."""
    spent = {name: microseconds / seen.calls for name, (_, microseconds) in seen.commands.items()}
    # What a script runs is in the script's own time already.
    named = {
        "scripts": spent.get("evalsha", 0.0),
        "reading calls": spent.get("xreadgroup", 0.0),
        "reading replies": spent.get("xread", 0.0) + spent.get("xtrim", 0.0),
    }
    whole = seen.redis_cpu * 1e6 / seen.calls
    return Part("redis", {**named, "network, parsing, waking": max(0.0, whole - sum(named.values()))})


async def profiled(url: str, in_flight: int) -> list[Part]:
    """The three parts of a call, with so many in flight."""
    seen = await look(url, "samples", in_flight, ROUNDS[in_flight])
    ends = {"client": seen.client, "worker": seen.worker}
    parts = [part_of(end, told["samples"], told["cpu"], seen.calls) for end, told in ends.items()]
    return [*parts, part_of_redis(seen)]


def shown(parts: Sequence[Part], in_flight: int, top: int) -> str:
    """The parts for people."""
    lines = [f"one call, {in_flight} in flight: {sum(part.cpu for part in parts):.1f} us of CPU"]
    dearest = max(value for part in parts for value in part.stages.values())
    for part in parts:
        samples = f"  {part.samples:,} samples" if part.samples else ""
        lines.append(f"\n  {part.name:30}{part.cpu:8.1f}{samples}")
        told = STAGES.get(part.name, {})
        order = [*told, *(name for name in part.stages if name not in told)]
        for name in order:
            value = part.stages.get(name, 0.0)
            bar = "#" * round(_BAR * value / dearest)
            lines.append(f"    {name:28}{value:8.1f}  {bar:{_BAR}}  {told.get(name, _MEANINGS.get(name, ''))}".rstrip())
        lines += [f"      {microseconds:8.2f} us  {label}" for label, microseconds in part.dearest[:top]]
    return "\n".join(lines)


_MEANINGS: Final = {
    LOOP: "waiting, reading sockets, calling back",
    GENERATOR: "this program: no part of a call",
    "scripts": "enqueue and settle",
}


def main() -> int:
    """Profile, and print it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--in-flight", type=int, choices=ROUNDS, nargs="+", default=list(ROUNDS), help="default: both")
    parser.add_argument("--top", type=int, default=0, metavar="N", help="also the N dearest functions of each end")
    parser.add_argument("--json", action="store_true", help="the stages as one line of JSON")
    given = parser.parse_args()
    with stage() as url:
        found = {n: uvloop.run(profiled(url, n)) for n in given.in_flight}
    if given.json:
        print(json.dumps({n: {part.name: part.stages for part in parts} for n, parts in found.items()}))
        return 0
    print("\n\n".join(shown(parts, n, given.top) for n, parts in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

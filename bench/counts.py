"""`python -m bench.counts`: what one call takes, in things that can be counted and do not depend on the machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Final

import uvloop

from bench.lockstep import Seen, look, stage

ROUNDS: Final = {1: 600, 64: 40}
"""By calls in flight: enough for what happens by the clock, a heartbeat here and there, to vanish."""

Counts = dict[str, float]


async def count(url: str) -> dict[int, Counts]:
    """The counts for each call, by calls in flight."""
    counted: dict[int, Counts] = {}
    for in_flight, rounds in ROUNDS.items():
        counted[in_flight] = {
            **functions(await look(url, "calls", in_flight, rounds)),
            **redis_work(await look(url, "cpu", in_flight, rounds)),
        }
    many = max(ROUNDS)
    counted[many] |= kept(await look(url, "cpu", many, 3 * ROUNDS[many]))
    peaks = [peak(await look(url, "peak", many, 3), many) for _ in range(5)]
    # The least of several: a heartbeat at the wrong moment adds to a peak.
    counted[many] |= {name: min(one[name] for one in peaks) for name in peaks[0]}
    return counted


def functions(seen: Seen) -> Counts:
    """Calls of functions, in Python and in C, that each end makes."""
    return {f"{end}_functions": told["calls"] / seen.calls for end, told in _ends(seen).items()}


def redis_work(seen: Seen) -> Counts:
    """Commands that Redis runs, those in scripts too, and what goes over its connections."""
    commands = sum(calls for calls, _ in seen.commands.values())
    network = {f"redis_{name}": value / seen.calls for name, value in seen.network.items()}
    return {"redis_commands": commands / seen.calls, **network}


def kept(seen: Seen) -> Counts:
    """Blocks of memory that each end has more after a call than before."""
    return {f"{end}_blocks_kept": told["blocks"] / seen.calls for end, told in _ends(seen).items()}


def peak(seen: Seen, in_flight: int) -> Counts:
    """Bytes that each end takes at most for a call that is in flight."""
    return {f"{end}_peak_bytes": told["peak"] / in_flight for end, told in _ends(seen).items()}


def _ends(seen: Seen) -> Mapping[str, dict[str, float]]:
    return {"client": seen.client, "worker": seen.worker}


def main() -> int:
    """Count, and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.counts", description=__doc__)
    parser.add_argument("--json", action="store_true", help="as one line of JSON")
    as_json = parser.parse_args().json
    with stage() as url:
        counted = uvloop.run(count(url))
    if as_json:
        print(json.dumps(counted))
        return 0
    for in_flight, counts in counted.items():
        print(f"for each call, {in_flight} in flight")
        for name, value in counts.items():
            print(f"  {name.replace('_', ' '):22}{value:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

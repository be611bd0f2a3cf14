"""`python -m bench`: measure the systems, interleaved over several rounds, and write what came out."""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from pathlib import Path
from typing import Any

from bench.environments import HOME, is_made
from bench.machine import describe
from bench.measure import measure
from bench.scenarios import QUICK, SCENARIOS, Scenario
from bench.startup import import_times
from bench.summary import print_table, summarised
from bench.systems import BY_NAME, SYSTEMS, System


def main() -> int:
    """Run what the command line asks for; nothing chosen means everything."""
    given = _parser().parse_args()
    if given.quick:
        given.rounds, given.seconds, given.scenarios = 1, 1.0, given.scenarios or QUICK
    systems = [system for system in SYSTEMS if not given.systems or system.name in given.systems]
    left_out = [system.name for system in systems if not is_made(system)]
    systems = [system for system in systems if is_made(system)]
    if not systems:
        print("there are no environments: make bench-setup", file=sys.stderr)
        return 2
    scenarios = [s for s in SCENARIOS if not given.scenarios or s.name in given.scenarios]
    plan = [(scenario, system) for scenario in scenarios for system in systems if scenario.fits(system)]
    results: dict[str, Any] = {
        "machine": describe(systems), "seconds": given.seconds, "rounds": given.rounds, "left_out": left_out,
        "import_client_ms": import_times(), "runs": [],
    }  # fmt: skip
    for number in range(given.rounds):
        for scenario, system in _shuffled([(c, s) for c, s in plan if number < min(c.rounds, s.rounds)]):
            _one(results, number, scenario, system, given.seconds)
            given.out.parent.mkdir(parents=True, exist_ok=True)
            given.out.write_text(json.dumps(results, indent=1) + "\n")
    print_table(summarised(results))
    print(f"\nwritten to {given.out}; `make bench-report` makes docs/benchmarks.md of it")
    return 0


def _shuffled(plan: list[tuple[Scenario, System]]) -> list[tuple[Scenario, System]]:
    """One round: scenario after scenario, the systems of each in an order of its own."""
    scenarios = dict.fromkeys(scenario for scenario, _ in plan)
    groups = [[pair for pair in plan if pair[0] is scenario] for scenario in scenarios]
    return [pair for group in groups for pair in random.sample(group, len(group))]


def _one(results: dict[str, Any], number: int, scenario: Scenario, system: System, seconds: float) -> None:
    begun = time.perf_counter()
    measured = measure(system, scenario, seconds)
    results["runs"].append({"round": number, "scenario": scenario.name, "system": system.name, **measured})
    if "failed" in measured:
        said = "FAILED " + measured["failed"].replace("\n", " ")[-150:]
    elif "rate" in measured:
        cpu = " ".join(f"{measured[f'cpu_{part}_us']:7.1f}" for part in ("client", "server", "broker"))
        said = f"{measured['rate']:9.0f}/s  p50 {measured.get('p50_ms', math.nan):8.3f} ms  cpu us {cpu}"
        said += f"  {measured['failures']}" if measured["failures"] else ""
    else:
        said = f"{measured['idle_server_percent']:.2f} % CPU, {measured['rss_server_mb']:.0f} MB"
    print(f"{number + 1} {scenario.name:16} {system.name:16} {said}  ({time.perf_counter() - begun:.1f} s)", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--systems", nargs="+", choices=BY_NAME, metavar="SYSTEM", help=f"of {', '.join(BY_NAME)}")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--scenarios", nargs="+", choices=names, metavar="SCENARIO", help=f"of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help=f"one round of windows of 1 s, of {', '.join(QUICK)}")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (default: 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each window (default: 2)")
    parser.add_argument("--out", type=Path, default=HOME / "results.json", help="where the figures go")
    return parser


if __name__ == "__main__":
    sys.exit(main())

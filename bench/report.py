"""`python -m bench.report`: write `docs/benchmarks.md`, its plots and the figures behind them, from one run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from bench import tables
from bench.bars import bars
from bench.environments import HOME, ROOT
from bench.plots import Plot, draw
from bench.summary import Summary, ordered, summarised

PAGE: Final = ROOT / "docs" / "benchmarks.md"
CURVES: Final = ("echo-1", "echo-64")
"""Of which scenarios the latency of each round is kept beside the page: those that are drawn."""

_ORIGIN: Final = "Written by `make bench-report` from one run of `make bench`; no figure here was typed."
_READING: Final = """\
Client, server and broker are processes of their own on the machine above, new for each measurement. CPU is what the
operating system accounts to each of them within the window, divided by the calls that ended in it, with the load
generator counted as part of the client, for every system alike; so the sum is what a call costs, whatever the number of
cores. Each window follows a warm-up in which every place had its first answer. A figure is the median over the rounds,
with the least and the greatest in brackets. Everything that Callyard promises is switched on: deadlines, validation,
tracking, leases, counters. Systems differ in what they promise: read [how each is set up](#how-each-system-is-set-up)
before you compare."""


def page(results: dict[str, Any], summary: Summary, plots: list[Plot], folder: str) -> str:
    """The whole page; it depends on nothing but its arguments."""
    parts = [
        "# Benchmarks",
        f"{_ORIGIN} [The figures of each round]({folder}/results.json) are kept.",
        tables.machine(results),
        "## In short",
        tables.ratios(summary),
        "## The bars",
        "What the project asks of itself, held against Callyard on uvloop (`callyard[fast]`).",
        tables.bars(bars(summary, results["import_client_ms"])),
        "## How to read this",
        _READING,
        *(f"## {plot.title}\n\n![{plot.alt}]({folder}/{plot.file})" for plot in plots),
        "## All figures",
        *(f"### {title[0].upper()}{title[1:]}\n\n{tables.scenario(summary[name])}" for name, title in ordered(summary)),
        "## How each system is set up",
        tables.systems(results, summary),
        "## What failed or was left out",
        tables.left_out(results, summary),
    ]
    return "\n\n".join(parts) + "\n"


def kept(results: dict[str, Any]) -> dict[str, Any]:
    """*results* without what the page does not show, so that they are small enough to be kept beside it."""
    runs = [
        {name: _rounded(value) for name, value in run.items() if name != "curve_ms" or run["scenario"] in CURVES}
        for run in results["runs"]
    ]
    return {**results, "runs": runs}


def write(results: dict[str, Any], to: Path) -> None:
    """Write the page *to*, and what belongs to it into the folder of the same name."""
    folder = to.with_suffix("")
    results = kept(results)
    summary = summarised(results)
    plots = draw(summary, folder)
    to.write_text(page(results, summary, plots, folder.name), encoding="utf-8")
    runs = ",\n".join(json.dumps(run, separators=(",", ":")) for run in results["runs"])
    head = json.dumps({name: value for name, value in results.items() if name != "runs"}, indent=1)
    (folder / "results.json").write_text(f'{head[:-2]},\n "runs": [\n{runs}\n]}}\n', encoding="utf-8")


def _rounded(value: Any) -> Any:
    """*value* with five digits, which is more than any of it is worth."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def main() -> int:
    """Write the page from the results that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("results", nargs="?", type=Path, default=HOME / "results.json", help="what `make bench` wrote")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page (default: docs/benchmarks.md)")
    given = parser.parse_args()
    try:
        results = json.loads(given.results.read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"there is no {given.results}: make bench", file=sys.stderr)
        return 2
    write(results, given.out)
    print(f"written: {given.out}, and {given.out.with_suffix('')}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())

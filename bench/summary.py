"""Medians over the rounds, and the table on the terminal."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from bench.measure import PARTS
from bench.scenarios import SCENARIOS
from bench.systems import BY_NAME

Summary = dict[str, dict[str, dict[str, Any]]]
"""Scenario, system, figure: its median over the rounds."""


def summarised(results: dict[str, Any]) -> Summary:
    """The medians of *results*; where every round failed, `failed` says why."""
    runs: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in results["runs"]:
        runs[run["scenario"], run["system"]].append(run)
    summary: Summary = defaultdict(dict)
    for (scenario, system), group in runs.items():
        summary[scenario][system] = _median(group)
    return summary


def _median(group: list[dict[str, Any]]) -> dict[str, Any]:
    good = [run for run in group if "failed" not in run]
    if not good:
        return {"failed": group[-1]["failed"], "rounds_failed": len(group)}
    figures: dict[str, Any] = {"rounds": len(good), "rounds_failed": len(group) - len(good)}
    for name, value in good[0].items():
        if isinstance(value, int | float) and name != "round":
            figures[name] = statistics.median(run[name] for run in good)
            figures[f"{name}_least"] = min(run[name] for run in good)
            figures[f"{name}_most"] = max(run[name] for run in good)
    if "curve_ms" in good[0]:
        curves = [[point[1] for point in run["curve_ms"]] for run in good]
        shares = [point[0] for point in good[0]["curve_ms"]]
        figures["curve_ms"] = [
            [s, statistics.median(c)] for s, c in zip(shares, zip(*curves, strict=True), strict=True)
        ]
    if all(f"cpu_{part}_us" in figures for part in PARTS):
        whole = [sum(run[f"cpu_{part}_us"] for part in PARTS) for run in good]
        figures |= {"cpu_us": statistics.median(whole), "cpu_us_least": min(whole), "cpu_us_most": max(whole)}
    figures["failures"] = sum(sum(run.get("failures", {}).values()) for run in good)
    return figures


def ordered(summary: Summary) -> list[tuple[str, str]]:
    """The scenarios of *summary* with their titles, in the order of their definition."""
    titles = {scenario.name: scenario.title for scenario in SCENARIOS}
    return [(name, titles[name]) for name in titles if name in summary]


def by_system(figures: dict[str, dict[str, Any]]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The systems of one scenario in their order."""
    return [(name, figures[name]) for name in BY_NAME if name in figures]


def ratio(summary: Summary, scenario: str, figure: str, over: str, under: str) -> float | None:
    """How *over* compares to *under*, if both were measured."""
    try:
        return float(summary[scenario][over][figure] / summary[scenario][under][figure])
    except (KeyError, ZeroDivisionError):
        return None


def best(summary: Summary, scenario: str, figure: str, systems: Iterable[str], of: Callable[..., str]) -> str | None:
    """Which of *systems* has the best *figure*, `min` or `max` being what *of* says."""
    measured = {name: summary.get(scenario, {}).get(name, {}).get(figure) for name in systems}
    known = {name: value for name, value in measured.items() if value is not None}
    return of(known, key=lambda name: known[name]) if known else None


def print_table(summary: Summary) -> None:
    """Print the medians, and CPU and latency as multiples of the floor's."""
    for scenario, title in ordered(summary):
        print(f"\n{title}")
        for system, figures in by_system(summary[scenario]):
            print(f"  {BY_NAME[system].title:24}{_line(summary, scenario, system, figures)}")


def _line(summary: Summary, scenario: str, system: str, figures: dict[str, Any]) -> str:
    if "failed" in figures:
        return f"failed: {figures['failed'].strip().splitlines()[-1][-110:]}"
    if "rate" not in figures:
        return f"{figures['idle_server_percent']:9.2f} % CPU {figures['rss_server_mb']:7.0f} MB"
    cpu = "".join(f"{figures[f'cpu_{part}_us']:9.1f}" for part in PARTS)
    times = (
        f"{figures['p50_ms']:10.3f}{figures['p95_ms']:10.3f}{figures['p99_ms']:10.3f} ms" if "p50_ms" in figures else ""
    )
    floor = ratio(summary, scenario, "cpu_us", system, "floor")
    shown = f"  {floor:5.2f}x the floor's CPU" if floor and system != "floor" else ""
    return f"{figures['rate']:9.0f}/s{times} cpu us{cpu}{shown}"

"""The tables of `docs/benchmarks.md`, as Markdown. Pure: figures in, text out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bench.bars import Bar
from bench.scenarios import SCENARIOS
from bench.summary import Summary, best, by_system, ordered, ratio
from bench.systems import BY_NAME, DURABLE_PEERS, NATS, OURS

NONE: Final = "-"
"""What stands where there is no figure."""
_BUSY: Final = 0.5
"""Load of a machine at the start of a run that takes away from what is measured."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; all columns but the first hold figures, unless there are two."""
    aligned = ["---", *["---:" if len(head) > 2 else "---"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, aligned, *rows))


def machine(results: dict[str, Any]) -> str:
    """What the figures come from."""
    about = results["machine"]
    text = (
        f"**The machine**: {about['cpu']}, {about['cores']} cores, Linux {about['kernel']}, Python {about['python']}, "
        f"Redis {about['redis']}; commit {about['commit']}, {about['date']}. Rounds: {results['rounds']}, windows of "
        f"{results['seconds']:g} s, the systems of each scenario in an order drawn by lot."
    )
    if about["load_before"] > _BUSY:
        text += (
            f"\n\n**The machine was not idle when the run began** (load {about['load_before']:.1f}): "
            "trust the ratios of systems measured side by side, and no absolute figure."
        )
    return text


def ratios(summary: Summary) -> str:
    """How Callyard compares, in three figures."""
    figures = (
        ("calls/s, 64 in flight", "echo-64", "rate", max), ("CPU of a call, 64 in flight", "echo-64", "cpu_us", min),
        ("p50, 1 in flight", "echo-1", "p50_ms", min), ("p99, 64 in flight", "echo-64", "p99_ms", min),
    )  # fmt: skip
    rows: list[list[str]] = []
    for ours in OURS:
        for title, others in _OPPONENTS:
            row = [f"{BY_NAME[ours].title} / {title}"]
            for _, scenario_name, figure, of in figures:
                other = best(summary, scenario_name, figure, others, of)
                found = ratio(summary, scenario_name, figure, ours, other) if other else None
                which = f" ({BY_NAME[other].title})" if other and len(others) > 1 else ""
                row.append(NONE if found is None else f"{found:.2f}{which}")
            if set(row[1:]) != {NONE}:
                rows.append(row)
    if not rows:
        return "Nothing was measured that Callyard could be compared with."
    note = "More than 1 is better for calls/s, less than 1 for the others."
    return table(["ratio", *(title for title, *_ in figures)], rows) + f"\n\n{note}"


_OPPONENTS: Final = (
    ("the floor", ("floor",)), ("grpc.aio", ("grpc",)), ("core NATS", NATS),
    ("the best durable Python peer", DURABLE_PEERS),
)  # fmt: skip


def bars(found: Iterable[Bar]) -> str:
    """Each bar, what was measured, and the verdict."""
    rows = [
        [bar.what, bar.wanted, NONE if bar.measured is None else bar.written(bar.measured), bar.verdict]
        for bar in found
    ]
    return table(["", "wanted", "measured", "verdict"], rows)


def scenario(figures: dict[str, dict[str, Any]]) -> str:
    """One scenario: the medians of each system that gave figures, with their spread."""
    good = [(name, f) for name, f in by_system(figures) if "failed" not in f]
    columns = [column for column in _COLUMNS if any(column[1] in f for _, f in good)]
    rows = [[BY_NAME[name].title, *(_cell(f, *column[1:]) for column in columns)] for name, f in good]
    return table(["", *(column[0] for column in columns)], rows) if rows else "It failed for every system."


_COLUMNS: Final = (
    # Title, figure, how it is written, whether with its spread.
    ("calls/s", "rate", "{:,.0f}", True),
    ("calls/s run", "run_rate", "{:,.0f}", True),
    ("calls/s queued", "submit_rate", "{:,.0f}", True),
    ("p50 ms", "p50_ms", "{:,.2f}", True),
    ("p95 ms", "p95_ms", "{:,.2f}", False),
    ("p99 ms", "p99_ms", "{:,.2f}", True),
    ("CPU µs", "cpu_us", "{:,.0f}", True),
    ("client", "cpu_client_us", "{:,.0f}", False),
    ("server", "cpu_server_us", "{:,.0f}", False),
    ("broker", "cpu_broker_us", "{:,.0f}", False),
    ("idle CPU %", "idle_server_percent", "{:.2f}", True),
    ("broker's %", "idle_broker_percent", "{:.2f}", True),
    ("client MB", "rss_client_mb", "{:,.0f}", False),
    ("server MB", "rss_server_mb", "{:,.0f}", False),
    ("bytes kept for each call", "growth_bytes", "{:,.0f}", False),
    ("connections", "connections_client", "{:,.0f}", False),
    ("server's", "connections_server", "{:,.0f}", False),
    ("Redis full MB", "redis_full_mb", "{:,.0f}", False),
    ("before MB", "redis_before_mb", "{:,.1f}", False),
    ("after MB", "redis_after_mb", "{:,.1f}", False),
    ("failed calls", "failures", "{:,.0f}", False),
    ("rounds", "rounds", "{:.0f}", False),
)


def _cell(figures: dict[str, Any], name: str, shape: str, spread: bool) -> str:  # noqa: FBT001 -- a column of a table
    if name not in figures:
        return NONE
    text = shape.format(figures[name])
    if spread and figures.get("rounds", 1) > 1:
        text += f" ({shape.format(figures[f'{name}_least'])} to {shape.format(figures[f'{name}_most'])})"
    return text


def systems(results: dict[str, Any], summary: Summary) -> str:
    """How each system that was measured is set up, and its versions."""
    measured = {name for figures in summary.values() for name in figures}
    rows = [
        [system.title, f"{system.note} {_versions(results['machine']['versions'].get(name, {}))}"]
        for name, system in BY_NAME.items()
        if name in measured
    ]
    return table(["", "set up"], rows)


def _versions(installed: dict[str, str]) -> str:
    return f"({', '.join(f'{name} {version}' for name, version in installed.items())})" if installed else ""


def left_out(results: dict[str, Any], summary: Summary) -> str:
    """What the reader might look for and not find, each with its reason."""
    lines = [
        f"- {BY_NAME[name].title}: not measured at all, it could not be installed." for name in results["left_out"]
    ]
    measured = {name for figures in summary.values() for name in figures}
    for scenario_name, title in ordered(summary):
        for name, figures in by_system(summary[scenario_name]):
            lines += [f"- {BY_NAME[name].title}, {title}: {said}" for said in _troubles(figures)]
    for name in BY_NAME:
        if name in measured and (unfit := [s.title for s in SCENARIOS if not s.fits(BY_NAME[name])]):
            lines.append(f"- {BY_NAME[name].title} does not do, or was not asked for: {'; '.join(unfit)}.")
    absent = [s.title for s in SCENARIOS if s.name not in summary]
    if absent:
        lines.append(f"- Not part of this run: {'; '.join(absent)}.")
    return "\n".join(lines) or "Nothing."


def _troubles(figures: dict[str, Any]) -> list[str]:
    if "failed" in figures:
        last = figures["failed"].strip().splitlines()[-1:] or ["it said nothing"]
        return [f"failed in every round: {last[0][-200:]}"]
    said: list[str] = []
    if figures["rounds_failed"]:
        said.append(f"failed in {figures['rounds_failed']} rounds of {figures['rounds_failed'] + figures['rounds']}")
    if figures["failures"]:
        said.append(f"{figures['failures']:,} calls failed")
    return said

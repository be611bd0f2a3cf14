"""The plots of `docs/benchmarks.md`: SVG without a background, in colours that show on white and on black."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.measure import PARTS
from bench.scenarios import ECHO, LARGE_BACKLOG_SYSTEMS, PAYLOADS, size_title
from bench.summary import Summary, by_system
from bench.systems import BY_NAME

_INK: Final = "#7d8590"
_COLOURS: Final = {
    "callyard-uvloop": "#2f81f7", "callyard": "#2f81f7", "floor": _INK, "grpc": "#2da44e",
    "nats-uvloop": "#e3702d", "nats": "#e3702d", "taskiq": "#a371f7", "faststream": "#db61a2", "celery": "#b08800",
}  # fmt: skip
_PART_COLOURS: Final = {"client": "#2f81f7", "server": "#e3702d", "broker": "#a371f7"}
_MARKS: Final = {"callyard": "--", "nats": "--", "floor": ":"}
_PERCENTILES: Final = (0.5, 0.9, 0.99, 0.999)
_WIDEST: Final = 8
"""A bar that is more times longer than the shortest is not drawn, only written: it would flatten all others."""

_STYLE: Final = {
    "svg.fonttype": "none", "svg.hashsalt": "callyard", "font.size": 9, "font.family": "sans-serif",
    "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _INK, "xtick.color": _INK, "ytick.color": _INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7, "lines.linewidth": 1.6,
    "lines.markersize": 4, "axes.grid": True, "axes.axisbelow": True, "grid.color": _INK, "grid.alpha": 0.25,
    "grid.linewidth": 0.5, "legend.frameon": False, "axes.titlesize": 9,
}  # fmt: skip


class Plot(NamedTuple):
    """A plot that was written."""

    file: str
    title: str
    alt: str


def draw(summary: Summary, folder: Path) -> list[Plot]:
    """Write each plot that *summary* has figures for into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn: list[Plot] = []
    with mpl.rc_context(_STYLE):
        for plot, onto in _PLOTS:
            figure = Figure(figsize=(7.2, 3.4), layout="constrained")
            if onto(figure, summary):
                figure.savefig(folder / plot.file, transparent=True, metadata={"Date": None, "Creator": None})
                _strip(folder / plot.file)
                drawn.append(plot)
    return drawn


def _strip(path: Path) -> None:
    """Take the blanks from the ends of lines, which the writer leaves and version control complains about."""
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


def _throughput(figure: Figure, summary: Summary) -> bool:
    axes = figure.subplots()
    lines = _lines(axes, summary, [(f"echo-{n}", n) for n in ECHO], "rate")
    _log_log(axes, "calls in flight", "calls per second", ECHO, "{:,.0f}".format)
    return _with_legend(figure, axes, lines)


def _cpu(figure: Figure, summary: Summary) -> bool:
    found = [(name, f) for name, f in by_system(summary.get("echo-64", {})) if "cpu_us" in f]
    if not found:
        return False
    found.sort(key=lambda pair: -pair[1]["cpu_us"])
    longest = _WIDEST * found[-1][1]["cpu_us"]
    axes = figure.subplots()
    titles, ends = [BY_NAME[name].title for name, _ in found], [0.0] * len(found)
    for part in PARTS:
        lengths = [f[f"cpu_{part}_us"] if f["cpu_us"] <= longest else 0.0 for _, f in found]
        axes.barh(titles, lengths, left=ends, color=_PART_COLOURS[part], label=part, height=0.62)
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for place, (_, figures) in enumerate(found):
        text = f"{figures['cpu_us']:,.0f}"
        if figures["cpu_us"] > longest:
            parts = ", ".join(f"{part} {figures[f'cpu_{part}_us']:,.0f}" for part in PARTS)
            text = f"{text}, too long to be drawn ({parts})"
        axes.annotate(text, (ends[place], place), (4, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 1.12 * max(ends))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("CPU per call, µs, 64 calls in flight")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=len(PARTS))
    return True


def _latency(figure: Figure, summary: Summary) -> bool:
    panels = figure.subplots(1, 2, sharey=True)
    lines = 0
    for axes, n in zip(panels, (1, 64), strict=True):
        for name, figures in by_system(summary.get(f"echo-{n}", {})):
            # Beyond 99.9 % a short window has no more than a handful of calls.
            curve = [(1 / (1 - share), ms) for share, ms in figures.get("curve_ms", ()) if share <= _PERCENTILES[-1]]
            if curve:
                axes.plot(*zip(*curve, strict=True), **_look(name, marker=None))
                lines += 1
        _log_log(axes, "percentile", "latency, ms" if n == 1 else "", [1 / (1 - p) for p in _PERCENTILES], _percentile)
        axes.set_title(f"{n} in flight")
    return _with_legend(figure, panels[1], lines)


def _payload(figure: Figure, summary: Summary) -> bool:
    axes = figure.subplots()
    sizes = [size for size, _ in PAYLOADS]
    lines = _lines(axes, summary, [(f"payload-{size}", size) for size in sizes], "cpu_us")
    _log_log(axes, "payload, there and back", "CPU per call, µs", sizes, lambda size: size_title(round(size)))
    return _with_legend(figure, axes, lines)


def _backlog(figure: Figure, summary: Summary) -> bool:
    sizes = sorted(int(name.partition("-")[2]) for name in summary if name.startswith("backlog-"))
    axes = figure.subplots()
    points = [(f"backlog-{size}", size) for size in sizes]
    lines = _lines(axes, summary, points, "cpu_us", LARGE_BACKLOG_SYSTEMS)
    axes.set_xscale("log")
    _ticks(axes, sizes, "{:,.0f}".format)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("calls in the backlog")
    axes.set_ylabel("CPU per drained call, µs")
    return _with_legend(figure, axes, lines)


def _lines(
    axes: Axes, summary: Summary, points: list[tuple[str, int]], name: str, systems: tuple[str, ...] = tuple(BY_NAME)
) -> int:
    """Draw one line for each system through its figure *name* in each scenario; how many there are."""
    drawn = 0
    for system in systems:
        found = [(x, summary.get(scenario, {}).get(system, {}).get(name)) for scenario, x in points]
        line = [(x, y) for x, y in found if y is not None]
        if line:
            axes.plot(*zip(*line, strict=True), **_look(system))
            drawn += 1
    return drawn


def _look(system: str, marker: str | None = "o") -> dict[str, Any]:
    return {
        "color": _COLOURS[system], "linestyle": _MARKS.get(system, "-"), "marker": marker,
        "label": BY_NAME[system].title,
    }  # fmt: skip


def _log_log(
    axes: Axes, x_label: str, y_label: str, ticks: list[Any] | tuple[Any, ...], shown: Callable[[Any], str]
) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    _ticks(axes, ticks, shown)


def _ticks(axes: Axes, ticks: list[Any] | tuple[Any, ...], shown: Callable[[Any], str]) -> None:
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _percentile(place: float) -> str:
    return f"{100 * (1 - 1 / place):.4g}"


def _with_legend(figure: Figure, axes: Axes, lines: int) -> bool:
    """Put the legend beside the plot, if there is anything on it."""
    if not lines:
        return False
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    return True


_PLOTS: Final[tuple[tuple[Plot, Callable[[Figure, Summary], bool]], ...]] = (
    (Plot("throughput.svg", "Throughput", "Calls per second of each system by calls in flight"), _throughput),
    (Plot("cpu.svg", "CPU of a call by part", "CPU per call of client, server and broker of each system"), _cpu),
    (
        Plot("latency.svg", "Latency", "Latency of each system by percentile, with 1 and with 64 calls in flight"),
        _latency,
    ),
    (Plot("payload.svg", "Cost by payload", "CPU per call of each system by size of the payload"), _payload),
    (Plot("backlog.svg", "Cost by backlog", "CPU of each drained call by the length of the backlog"), _backlog),
)

"""The bars that Callyard has set itself, and how a run compares with them. Pure: figures in, verdicts out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.summary import Summary, best, ratio
from bench.systems import BY_NAME, DURABLE_PEERS, NATS

SUBJECT: Final = "callyard-uvloop"
"""Whose figures are held against the bars: what `callyard[fast]` installs."""
RETURNED_MB: Final = 1.0
"""What Redis may hold more afterwards: its scripts and the keys that stay, whatever the backlog was."""
SMALLEST_OBJECT: Final = 16.0
"""Bytes of the smallest object of CPython: memory that grows by less for each call does not grow by calls."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `measured` has to be at most, or at least, `bound`. None: this run did not measure it."""

    what: str
    shape: str
    """How its figures are written."""
    bound: float
    measured: float | None
    at_most: bool = True

    @property
    def met(self) -> bool | None:
        """Whether it is met; None where nothing was measured."""
        if self.measured is None:
            return None
        return self.measured <= self.bound if self.at_most else self.measured >= self.bound

    @property
    def distance(self) -> float:
        """How far the figure is from the bound, as a share of the bound; of the figure itself where that is 0."""
        assert self.measured is not None
        return abs(self.measured - self.bound) / abs(self.bound or self.measured or 1)

    @property
    def verdict(self) -> str:
        """In words."""
        if self.met is None:
            return "not measured"
        if self.met:
            return f"met, {self.distance:.0%} to spare" if self.bound else "met"
        return f"**missed** by {self.distance:.0%}" if self.bound else "**missed**"

    def written(self, value: float) -> str:
        """*value* as this bar's figures are written."""
        return self.shape.format(value)

    @property
    def wanted(self) -> str:
        """The bound in words."""
        return f"{'at most' if self.at_most else 'at least'} {self.written(self.bound)}"


def bars(summary: Summary, import_ms: dict[str, float]) -> list[Bar]:
    """All of them, in the order of their importance."""
    return [*_calls(summary), *_many(summary), *_backlog(summary), *_process(summary, import_ms)]


def _calls(summary: Summary) -> Iterator[Bar]:
    rate = "{:.2f} times"
    yield Bar("CPU of a call, 64 in flight, against the floor", rate, 2.0, _against(summary, "echo-64", "cpu_us"))
    yield Bar("p50, 1 in flight, against the floor", rate, 1.6, _against(summary, "echo-1", "p50_ms"))
    for title, peers, bound in (("grpc.aio", ("grpc",), 1.0), ("core NATS", NATS, 1.0), ("", DURABLE_PEERS, 5.0)):
        peer = best(summary, "echo-64", "rate", peers, max)
        against = title or f"the best durable peer{f' ({BY_NAME[peer].title})' if peer else ''}"
        measured = _against(summary, "echo-64", "rate", peer) if peer else None
        yield Bar(f"calls/s, 64 in flight, against {against}", rate, bound, measured, at_most=False)


def _many(summary: Summary) -> Iterator[Bar]:
    def figure(name: str, scenario: str = "echo-5000") -> float | None:
        return _figure(summary, scenario, name)

    yield Bar("connections of a caller with 5,000 calls in flight", "{:.0f}", 4, figure("connections_client"))
    yield Bar("calls that failed, 5,000 in flight", "{:.0f}", 0, figure("failures"))
    yield Bar(
        "growth of client and worker by each call, 5,000 in flight", "{:.0f} bytes", SMALLEST_OBJECT,
        figure("growth_bytes", "lasting"),
    )  # fmt: skip


def _backlog(summary: Summary) -> Iterator[Bar]:
    sizes = sorted(int(name.partition("-")[2]) for name in summary if _drained(summary, name))
    few, many = (sizes[0], sizes[-1]) if len(sizes) > 1 else (0, 0)
    measured = None
    if many:
        measured = _share(_figure(summary, f"backlog-{many}", "rate"), _figure(summary, f"backlog-{few}", "rate"))
    which = f" of {many:,} against one of {few:,}" if many else ", a large one against a small one"
    yield Bar(f"calls/s while draining a backlog{which}", "{:.2f} times", 0.8, measured, at_most=False)
    before, after = (_figure(summary, f"backlog-{many}", f"redis_{when}_mb") for when in ("before", "after"))
    left = None if before is None or after is None else max(0.0, after - before)
    yield Bar("what Redis holds more after the largest backlog than before", "{:.2f} MB", RETURNED_MB, left)


def _process(summary: Summary, import_ms: dict[str, float]) -> Iterator[Bar]:
    yield Bar("`import client`", "{:.0f} ms", 200, import_ms.get("import"))
    yield Bar("resident memory of an idle worker", "{:.0f} MB", 80, _figure(summary, "idle", "rss_server_mb"))
    yield Bar("CPU of an idle worker", "{:.2f} %", 1, _figure(summary, "idle", "idle_server_percent"))


def _drained(summary: Summary, name: str) -> bool:
    return name.startswith("backlog-") and _figure(summary, name, "rate") is not None


def _figure(summary: Summary, scenario: str, name: str) -> float | None:
    return summary.get(scenario, {}).get(SUBJECT, {}).get(name)


def _against(summary: Summary, scenario: str, figure: str, other: str = "floor") -> float | None:
    return ratio(summary, scenario, figure, SUBJECT, other)


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None

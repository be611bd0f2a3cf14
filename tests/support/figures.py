"""Made-up results of a benchmark, for tests of what is made of results. No figure here was ever measured."""

from typing import Any

from bench.load import QUANTILES
from bench.scenarios import SCENARIOS, Scenario
from bench.systems import SYSTEMS, System

COST = {
    "callyard-uvloop": 2.0,
    "callyard": 3.0,
    "floor": 1.0,
    "grpc": 6.0,
    "nats-uvloop": 5.0,
    "nats": 5.5,
    "taskiq": 40.0,
}
COST |= {"faststream": 50.0, "celery": 90.0}
"""How much dearer a call is than the floor's."""


def results(rounds: int = 3) -> dict[str, Any]:
    """A whole run in which every figure follows from `COST`, and rounds differ by a tenth."""
    runs = [
        {"round": number, "scenario": scenario.name, "system": system.name, **_run(scenario, system, 1 + number / 10)}
        for number in range(rounds)
        for scenario in SCENARIOS
        for system in SYSTEMS
        if scenario.fits(system) and number < min(scenario.rounds, system.rounds)
    ]
    machine = {
        "cpu": "made-up CPU", "cores": 2, "kernel": "6.0", "python": "3.11.0", "redis": "7.0.0", "commit": "abc1234",
        "date": "2026-01-01", "load_before": 0.0, "versions": {"floor": {"hiredis": "1.2.3"}},
    }  # fmt: skip
    return {
        "machine": machine, "seconds": 2.0, "rounds": rounds, "left_out": [], "runs": runs,
        "import_client_ms": {"interpreter": 20.0, "import": 150.0},
    }  # fmt: skip


def runs_of(given: dict[str, Any], scenario: str, system: str) -> list[dict[str, Any]]:
    """The runs of one system under one scenario, to be changed."""
    return [run for run in given["runs"] if (run["scenario"], run["system"]) == (scenario, system)]


def _run(scenario: Scenario, system: System, factor: float) -> dict[str, Any]:
    cost = COST[system.name] * factor
    if scenario.kind == "idle":
        return {"idle_server_percent": 0.1, "idle_broker_percent": 0.1, "rss_server_mb": 50.0, "connections_server": 3}
    size = 1 + scenario.size / 1000
    figures: dict[str, Any] = {
        "calls": 1000, "rate": 50_000 / cost / size, "failures": {},
        "cpu_client_us": cost * 8 * size, "cpu_server_us": cost * 10 * size,
        "cpu_broker_us": 0.0 if system.broker == "none" else cost * 9 * size,
        "redis_before_mb": 1.0, "redis_after_mb": 1.2, "rss_server_mb": 60.0,
    }  # fmt: skip
    if scenario.kind == "backlog":
        return figures | {"submit_rate": 60_000 / cost, "redis_full_mb": scenario.calls / 5000}
    latency = scenario.in_flight * cost / 50
    curve = [[share, latency / (1.05 - share)] for share in QUANTILES]
    return figures | {
        "p50_ms": latency / 0.55, "p95_ms": latency / 0.1, "p99_ms": latency / 0.06, "curve_ms": curve,
        "rss_client_mb": 40.0, "connections_client": 2, "connections_server": 3,
        **({"growth_bytes": 2.0} if scenario.seconds else {}),
    }  # fmt: skip

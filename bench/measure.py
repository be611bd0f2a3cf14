"""One measurement: one system under one scenario, everything started anew."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from bench.accounting import connections, cpu_seconds, resident_bytes
from bench.load import LONGEST_WARM_UP, NOTED_BYTES, PATIENCE, Task
from bench.processes import Client, Failed, Place, place_for
from bench.scenarios import Scenario
from bench.systems import System

PARTS: Final = ("client", "server", "broker")
SETTLING_SECONDS: Final = 2.0
IDLE_SECONDS: Final = 10.0
"""How long doing nothing is watched: what a worker does every few seconds has to happen several times."""
Measured = dict[str, Any]
"""The figures of one measurement by name; `failed` says why there are none."""


class Accounts(NamedTuple):
    """CPU seconds of the three parts at one moment."""

    at: float
    cpu: dict[str, float]

    @classmethod
    def read(cls, place: Place, client: Client | None) -> Accounts:
        """Read them now."""
        pids = {
            "client": [client.pid] if client else [],
            "server": place.pids("server"),
            "broker": place.pids("broker"),
        }
        return cls(time.perf_counter(), {part: cpu_seconds(pids[part]) for part in PARTS})

    def per_call(self, later: Accounts, made: int, ran: int | None = None) -> dict[str, float]:
        """Microseconds of each part for each call between this moment and *later*.

        The client *made* so many in that time and the server *ran* so many, if they are not the
        same: then the broker, which has a part in both, is divided by their mean.
        """
        ran = made if ran is None else ran
        calls = {"client": made, "server": ran, "broker": (made + ran) / 2}
        return {f"cpu_{part}_us": (later.cpu[part] - self.cpu[part]) * 1e6 / max(1, calls[part]) for part in PARTS}


def measure(system: System, scenario: Scenario, seconds: float) -> Measured:
    """Measure *system* under *scenario* for about *seconds*."""
    how: dict[str, Callable[[Place, Scenario, float], Measured]] = {
        "window": _window, "drained": _window, "backlog": _backlog, "idle": _idle,
    }  # fmt: skip
    try:
        with place_for(system) as place:
            return how[scenario.kind](place, scenario, scenario.seconds or seconds)
    except Failed as error:
        return {"failed": str(error)}


def _window(place: Place, scenario: Scenario, seconds: float) -> Measured:
    place.start_server()
    with Client(place, _task(place, scenario, seconds)) as client:
        client.expect("connected", 30)
        memory = _memory(place)
        client.go_on()
        client.expect("begin", LONGEST_WARM_UP + 30)
        begin, ran_before, began_with = Accounts.read(place, client), place.ran, _resident(place, client)
        client.expect("end", seconds * 3 + 60)
        end, ended_with, held = Accounts.read(place, client), _resident(place, client), _held(place, client)
        client.go_on()
        figures = client.expect("figures", PATIENCE + 60)
        made = ran = figures["calls"]
        if scenario.kind == "drained":
            # Calls of the warm-up that were still queued are run within the window too.
            made, ran = figures["made"] - figures["made_before"], figures["made"] - ran_before
            _wait_ran(place, figures["made"])
            end = Accounts.read(place, client)
            figures["run_rate"] = ran / (end.at - begin.at)
        client.go_on()
    if not figures["calls"]:
        return {"failed": f"no call succeeded: {figures['failures'] or 'none ended in time'}"}
    if scenario.seconds:
        # The load generator itself keeps a number for each call.
        grown = ended_with - began_with - NOTED_BYTES * figures["calls"]
        held["growth_bytes"] = grown / figures["calls"]
    return {
        **_latencies(figures), **begin.per_call(end, made, ran), **held,
        **_remains(memory, _memory_at_rest(place, memory)),
    }  # fmt: skip


def _task(place: Place, scenario: Scenario, seconds: float, calls: int = 0) -> Task:
    system = place.system
    return Task(
        system.client, place.url, scenario.operation, scenario.in_flight, scenario.size, seconds,
        warm_up=seconds / 3, calls=calls, uvloop=system.uvloop,
    )  # fmt: skip


def _latencies(figures: Measured) -> Measured:
    curve = {share: value * 1000 for share, value in figures["quantiles"]}
    rate = figures["calls"] / figures["seconds"]
    return {
        "calls": figures["calls"], "rate": rate, **({"run_rate": figures["run_rate"]} if "run_rate" in figures else {}),
        "failures": figures["failures"], "p50_ms": curve[0.5], "p95_ms": curve[0.95], "p99_ms": curve[0.99],
        "curve_ms": [[share, round(value, 4)] for share, value in curve.items()],
    }  # fmt: skip


def _held(place: Place, client: Client) -> Measured:
    return {
        "rss_client_mb": resident_bytes([client.pid]) / 1e6,
        "rss_server_mb": resident_bytes(place.pids("server")) / 1e6,
        "rss_broker_mb": resident_bytes(place.pids("broker")) / 1e6,
        "connections_client": connections([client.pid]),
        "connections_server": connections(place.pids("server")),
    }


def _resident(place: Place, client: Client) -> int:
    return resident_bytes([client.pid, *place.pids("server")])


def _memory(place: Place) -> tuple[int, int]:
    """Bytes that Redis uses, and its keys."""
    if place.system.broker != "redis":
        return 0, 0
    with place.redis() as broker:
        return int(broker.info("memory")["used_memory"]), int(broker.dbsize())


def _memory_at_rest(place: Place, before: tuple[int, int]) -> tuple[int, int]:
    """The same once it sinks no further: acknowledgements and the buffers of who left take a moment."""
    lowest, since = _memory(place), time.perf_counter()
    while time.perf_counter() - since < 0.5 and lowest[0] > before[0]:
        now = _memory(place)
        if now[0] < lowest[0]:
            lowest, since = now, time.perf_counter()
        time.sleep(0.05)
    return lowest


def _remains(before: tuple[int, int], after: tuple[int, int]) -> Measured:
    return {
        "redis_before_mb": before[0] / 1e6, "redis_after_mb": after[0] / 1e6,
        "redis_keys_before": before[1], "redis_keys_after": after[1],
    }  # fmt: skip


def _wait_ran(place: Place, calls: int) -> None:
    """Wait until the server has run so many calls.

    Raises:
        Failed: it stands still for long.
    """
    ran, since = place.ran, time.perf_counter()
    while ran < calls:
        time.sleep(0.002)
        if (now := place.ran) != ran:
            ran, since = now, time.perf_counter()
        elif time.perf_counter() - since > PATIENCE:
            raise Failed(f"the server stands still at {ran} of {calls} calls")


def _backlog(place: Place, scenario: Scenario, _seconds: float) -> Measured:
    """Queue calls while no worker runs, then start one."""
    place.start_server()
    place.stop_server()
    memory = _memory(place)
    with Client(place, _task(place, scenario, 3600, scenario.calls)) as client:
        client.expect("connected", 30)
        client.go_on()
        client.expect("begin", 30)
        client.expect("end", scenario.calls / 100 + 60)
        client.go_on()
        figures = client.expect("figures", PATIENCE + 60)
        client.go_on()
    if figures["failures"]:
        return {"failed": f"calls were refused: {figures['failures']}"}
    full = _memory(place)
    place.start_server()
    # The calls that it ran before it could be looked at do not count.
    begin, begun = Accounts.read(place, None), place.ran
    _wait_ran(place, begun + max(1, (scenario.calls - begun) // 20))
    begin, begun = Accounts.read(place, None), place.ran
    _wait_ran(place, scenario.calls)
    end = Accounts.read(place, None)
    drained = scenario.calls - begun
    if drained < scenario.calls / 2:
        raise Failed(f"{begun} of {scenario.calls} calls were gone before they could be measured")
    return {
        "calls": drained, "submit_rate": figures["calls"] / figures["seconds"], "failures": {},
        "rate": drained / (end.at - begin.at),
        **begin.per_call(end, drained), "redis_full_mb": full[0] / 1e6,
        "rss_server_mb": resident_bytes(place.pids("server")) / 1e6,
        **_remains(memory, _memory_at_rest(place, memory)),
    }  # fmt: skip


def _idle(place: Place, _scenario: Scenario, seconds: float) -> Measured:
    place.start_server()
    # The first seconds still belong to its start.
    time.sleep(SETTLING_SECONDS)
    begin = Accounts.read(place, None)
    time.sleep(max(seconds, IDLE_SECONDS))
    end = Accounts.read(place, None)
    used = {f"idle_{part}_percent": (end.cpu[part] - begin.cpu[part]) * 100 / (end.at - begin.at) for part in PARTS[1:]}
    return {
        **used,
        "rss_server_mb": resident_bytes(place.pids("server")) / 1e6,
        "connections_server": connections(place.pids("server")),
    }

"""What the harness counts, and what it must not touch."""

import io
import json
from pathlib import Path

import pytest

from bench import environments
from bench.load import Record
from bench.measure import Accounts
from bench.scenarios import QUICK, SCENARIOS
from bench.systems import BY_NAME, SYSTEMS


def test_call_that_ends_after_the_window_is_not_counted_in_it(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    record = Record()
    record.latencies.append(9.0)

    record.open()
    record.latencies.append(1.0)
    record.close()
    record.latencies.append(5.0)

    assert record.figures()["calls"] == 1
    assert {value for _, value in record.figures()["quantiles"]} == {1.0}
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["begin", "end"]


def test_cpu_is_divided_by_the_calls_that_each_part_had():
    begin = Accounts(0.0, {"client": 1.0, "server": 1.0, "broker": 1.0})
    end = Accounts(2.0, {"client": 2.0, "server": 3.0, "broker": 1.5})

    assert begin.per_call(end, 1000, 2000) == pytest.approx(
        {"cpu_client_us": 1000.0, "cpu_server_us": 1000.0, "cpu_broker_us": 500_000 / 1500}
    )


def test_environment_that_is_reached_through_a_link_is_left_alone(monkeypatch, tmp_path: Path):
    theirs, home = tmp_path / "theirs", tmp_path / "home"
    theirs.mkdir()
    home.mkdir()
    (theirs / "precious").touch()
    (home / "floor").symlink_to(theirs)
    monkeypatch.setattr(environments, "HOME", home)

    with pytest.raises(SystemExit, match="through a link"):
        environments.make("floor", BY_NAME["floor"].requires)

    assert (theirs / "precious").exists()


def test_every_system_has_a_client_that_is_there_and_a_scenario_that_it_can_do(root):
    for system in SYSTEMS:
        assert (root / "bench" / "adapters" / f"{system.client}.py").is_file()
        assert any(scenario.fits(system) for scenario in SCENARIOS)


def test_short_look_names_scenarios_that_there_are():
    assert set(QUICK) <= {scenario.name for scenario in SCENARIOS}

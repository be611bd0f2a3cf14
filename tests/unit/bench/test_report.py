"""The page and the plots, made of made-up figures."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import tables
from bench.bars import Bar, bars
from bench.report import main, page, write
from bench.summary import best, ratio, summarised
from bench.systems import DURABLE_PEERS, OURS, SYSTEMS
from tests.support.figures import results, runs_of

IMPORT = {"interpreter": 20.0, "import": 150.0}


def bar(given, beginning: str) -> Bar:
    return next(bar for bar in bars(summarised(given), IMPORT) if bar.what.startswith(beginning))


def text_of(given) -> str:
    """The page without its plots, which take time."""
    return page(given, summarised(given), [], "page")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the page of a whole run, and its plots."""
    folder = tmp_path_factory.mktemp("docs")
    write(results(), folder / "page.md")
    return folder


# --- medians ---------------------------------------------------------------------------------------------------------


def test_summary_has_the_median_of_the_rounds_and_their_spread():
    given = results()
    for run, rate in zip(runs_of(given, "echo-1", "floor"), (30.0, 10.0, 20.0), strict=True):
        run["rate"] = rate

    figures = summarised(given)["echo-1"]["floor"]

    assert (figures["rate_least"], figures["rate"], figures["rate_most"]) == (10.0, 20.0, 30.0)


def test_cpu_of_a_call_is_the_median_of_sums_not_the_sum_of_medians():
    given = results()
    for run, (client, server) in zip(runs_of(given, "echo-1", "grpc"), ((1, 9), (5, 5), (9, 5)), strict=True):
        run |= {"cpu_client_us": client, "cpu_server_us": server, "cpu_broker_us": 0}

    assert summarised(given)["echo-1"]["grpc"]["cpu_us"] == 10


def test_round_that_failed_is_left_out_of_the_median_and_counted():
    given = results()
    failed = runs_of(given, "echo-64", "nats")[0]
    failed.clear()
    failed |= {"round": 0, "scenario": "echo-64", "system": "nats", "failed": "it fell over"}

    summary = summarised(given)

    assert (summary["echo-64"]["nats"]["rounds"], summary["echo-64"]["nats"]["rounds_failed"]) == (2, 1)
    assert "- core NATS (stock loop), echo, 64 in flight: failed in 1 rounds of 3" in tables.left_out(given, summary)


def test_ratio_of_what_was_not_measured_is_none():
    assert ratio(summarised(results()), "echo-64", "rate", "floor", "absent") is None


def test_best_of_peers_is_the_one_that_does_best_by_that_figure():
    given = results(1)
    runs_of(given, "echo-64", "celery")[0]["rate"] = 9_999.0

    assert best(summarised(given), "echo-64", "rate", DURABLE_PEERS, max) == "celery"
    assert best(summarised(given), "echo-64", "p50_ms", DURABLE_PEERS, min) == "taskiq"


# --- bars ------------------------------------------------------------------------------------------------------------


def test_bar_with_an_upper_bound_is_missed_by_the_share_of_the_bound():
    above, below = Bar("x", "{:.0f} ms", 200, 250.0), Bar("x", "{:.0f} ms", 200, 150.0)

    assert (above.met, above.verdict) == (False, "**missed** by 25%")
    assert (below.met, below.verdict) == (True, "met, 25% to spare")


def test_bar_with_a_lower_bound_is_missed_below_it():
    assert Bar("x", "{:.1f}", 5, 4.0, at_most=False).verdict == "**missed** by 20%"
    assert Bar("x", "{:.1f}", 5, 6.0, at_most=False).verdict == "met, 20% to spare"


@pytest.mark.parametrize(("failures", "verdict"), [(0.0, "met"), (3.0, "**missed**")])
def test_bar_of_nothing_is_met_by_nothing(failures, verdict):
    assert Bar("x", "{:.0f}", 0, failures).verdict == verdict


def test_bars_are_computed_from_the_figures_of_the_run():
    given = results(1)
    runs_of(given, "echo-64", "callyard-uvloop")[0]["rate"] = 1000.0
    runs_of(given, "echo-64", "grpc")[0]["rate"] = 4000.0

    assert bar(given, "calls/s, 64 in flight, against grpc.aio").measured == 0.25
    assert bar(given, "calls/s, 64 in flight, against grpc.aio").met is False
    assert bar(given, "CPU of a call").measured == pytest.approx(2.0)


def test_backlog_bar_compares_the_largest_with_the_smallest():
    given = results(1)
    runs_of(given, "backlog-1000000", "callyard-uvloop")[0] |= {"rate": 700.0, "redis_after_mb": 6.0}
    runs_of(given, "backlog-10000", "callyard-uvloop")[0]["rate"] = 1000.0

    assert bar(given, "calls/s while draining a backlog of 1,000,000 against one of 10,000").measured == 0.7
    assert bar(given, "what Redis holds more").measured == 5.0


def test_run_without_the_scenario_leaves_its_bars_open():
    given = results(1)
    given["runs"] = [run for run in given["runs"] if run["scenario"] == "echo-1"]

    found = {bar.what: bar.verdict for bar in bars(summarised(given), {})}

    assert found["CPU of an idle worker"] == found["`import client`"] == "not measured"
    assert found["p50, 1 in flight, against the floor"] == "**missed** by 25%"


# --- page ------------------------------------------------------------------------------------------------------------


def test_page_states_machine_ratios_and_bars_before_anything_else():
    text = text_of(results())

    assert text.index("made-up CPU, 2 cores") < text.index("## In short") < text.index("## The bars")
    assert text.index("## The bars") < text.index("## All figures")
    assert "| Callyard (uvloop) / grpc.aio | 3.00 | 0.50 | 0.33 | 0.33 |" in text
    assert re.search(r"Callyard \(stock loop\) / the best durable Python peer \| 12\.7\d \(taskiq\) \|", text)


def test_page_shows_every_plot_that_was_drawn_and_each_has_labelled_axes(place):
    text = (place / "page.md").read_text()

    shown = re.findall(r"!\[.+\]\(page/(.+?)\)", text)
    assert shown == ["throughput.svg", "cpu.svg", "latency.svg", "payload.svg", "backlog.svg"]
    labels = {"throughput": "calls in flight", "cpu": "CPU per call, µs", "latency": "latency, ms"}
    labels |= {"payload": "payload, there and back", "backlog": "calls in the backlog"}
    for name, label in labels.items():
        file = place / "page" / f"{name}.svg"
        words = " ".join(ET.parse(file).getroot().itertext())
        assert label in words
        assert file.stat().st_size < 100_000


def test_plots_have_no_background_so_that_they_show_on_white_and_on_black(place):
    for file in (place / "page").glob("*.svg"):
        colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", file.read_text()))
        assert not colours & {"#ffffff", "#000000"}, file.name


def test_page_is_made_again_from_the_figures_kept_beside_it(place, tmp_path, monkeypatch, capsys):
    first = (place / "page.md").read_text()
    drawn = {file.name: file.read_bytes() for file in (place / "page").iterdir()}

    arguments = ["bench.report", str(place / "page" / "results.json"), "--out", str(tmp_path / "page.md")]
    monkeypatch.setattr("sys.argv", arguments)

    assert main() == 0
    assert (tmp_path / "page.md").read_text() == first
    assert {file.name: file.read_bytes() for file in (tmp_path / "page").iterdir()} == drawn
    assert "page.md" in capsys.readouterr().out


def test_page_says_how_each_system_is_set_up_and_which_versions_it_has():
    text = text_of(results())

    for system in SYSTEMS:
        assert f"| {system.title} | {system.note}" in text
    assert "(hiredis 1.2.3)" in text


def test_page_says_what_failed_and_why():
    given = results(1)
    failed = runs_of(given, "echo-5000", "celery")[0]
    failed.clear()
    failed |= {"round": 0, "scenario": "echo-5000", "system": "celery", "failed": "Traceback\nOSError: no more files"}
    runs_of(given, "echo-64", "taskiq")[0]["failures"] = {"TimeoutError": 7}
    given["left_out"] = ["nats"]

    text = text_of(given).partition("## What failed or was left out")[2]

    assert "- Celery, echo, 5,000 in flight: failed in every round: OSError: no more files" in text
    assert "- taskiq, echo, 64 in flight: 7 calls failed" in text
    assert "- core NATS (stock loop): not measured at all, it could not be installed." in text
    assert re.search(r"- grpc\.aio does not do.*one-way", text)


def test_page_of_a_busy_machine_says_that_it_was_busy():
    given = results(1)
    given["machine"]["load_before"] = 3.0

    assert "**The machine was not idle when the run began** (load 3.0)" in text_of(given)
    assert "not idle" not in text_of(results(1))


def test_part_of_a_run_makes_a_page_of_what_there_is(tmp_path):
    given = results(1)
    given["runs"] = [r for r in given["runs"] if r["system"] in OURS and r["scenario"] in {"echo-64", "idle"}]

    write(given, tmp_path / "page.md")

    text = (tmp_path / "page.md").read_text()
    assert "Nothing was measured that Callyard could be compared with." in text
    assert re.search(r"- Not part of this run: .*backlog of 10,000", text)
    assert not (tmp_path / "page" / "payload.svg").exists()


def test_report_without_results_says_what_makes_them(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bench.report", str(tmp_path / "absent.json")])

    assert main() == 2
    assert "make bench" in capsys.readouterr().err


def test_figures_kept_beside_the_page_are_all_runs_and_small(place):
    given = results()

    text = (place / "page" / "results.json").read_text()

    assert len(json.loads(text)["runs"]) == len(given["runs"])
    assert len(text) < len(json.dumps(given)) / 3

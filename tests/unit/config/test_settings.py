import math
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigurationError
from worker_runtime.config import Settings
from worker_runtime.config.units import parse_duration, parse_size, show_duration, show_size


def resolve(table=None, environment=None, flags=None):
    return Settings.resolve(table or {}, environment=environment or {}, flags=flags or {}, file=Path("wrangler.toml"))


def mistake(**sources):
    with pytest.raises(ConfigurationError) as caught:
        resolve(**sources)
    return str(caught.value)


def test_the_defaults_are_those_of_the_contract():
    assert resolve().model_dump() == {
        "concurrency": 100,
        "processes": 1,
        "lease": 15.0,
        "retries": 3,
        "backlog": 100_000,
        "grace": 30.0,
        "timeout": 60.0,
        "wait_until_limit": 900.0,
        "idempotency_window": 86400.0,
        "max_message_bytes": 1 << 20,
        "prefix": "callyard",
        "inline": False,
        "traceback": False,
        "validation": "lax",
        "validate_results": True,
        "service_version": "",
        "connect_timeout": 10.0,
        "health": "",
    }


def test_a_flag_goes_before_the_environment_and_that_before_the_table():
    table, environment, flags = {"retries": 1}, {"CALLYARD_RETRIES": "2"}, {"retries": "0"}
    assert resolve(table, environment, flags).retries == 0
    assert resolve(table, environment, {"retries": None}).retries == 2
    assert resolve(table).retries == 1


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (2, 2.0),
        (0.5, 0.5),
        ("3", 3.0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("10m", 600.0),
        ("10 min", 600.0),
        ("1h", 3600.0),
    ],
)
def test_durations_are_seconds_or_carry_a_unit(written, seconds):
    assert resolve({"lease": written}).lease == seconds


@pytest.mark.parametrize("written", ["soon", "", "1w", "-1s", "1m30s", "1e3", True, None, [1], math.nan, math.inf])
def test_other_durations_are_refused(written):
    assert "callyard.lease: should be seconds, or a duration such as 250ms" in mistake(table={"lease": written})


@pytest.mark.parametrize(
    ("written", "size"),
    [(2048, 2048), ("4096", 4096), ("4MiB", 4 << 20), ("4 mib", 4 << 20), ("1.5KiB", 1536), ("2MB", 2_000_000)],
)
def test_sizes_are_bytes_or_carry_a_unit(written, size):
    assert resolve({"max_message_bytes": written}).max_message_bytes == size


@pytest.mark.parametrize("written", ["4M", "big", "-1", "1000.5", 1.0, False])
def test_other_sizes_are_refused(written):
    assert "should be bytes, or a size such as" in mistake(table={"max_message_bytes": written})


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"max_message_bytes": "33MiB"}, "should be less than or equal to 33554432 but got '33MiB'. Leave it out"),
        ({"concurrency": 0}, "should be greater than or equal to 1 but got 0. Leave it out for the default, 100."),
        ({"processes": "two"}, "should be a whole number but got 'two'"),
        ({"processes": True}, "should be a whole number but got True"),
        ({"retries": -1}, "should be greater than or equal to 0"),
        ({"timeout": 0}, "should be greater than 0"),
        ({"inline": "maybe"}, "should be true or false but got 'maybe'"),
        ({"prefix": "a{b}"}, "callyard.prefix: "),
        ({"prefix": "a:"}, "callyard.prefix: "),
        ({"prefix": 1}, "callyard.prefix: should be a valid string but got 1"),
    ],
)
def test_values_out_of_bounds_are_refused_with_the_default_as_the_fix(table, problem):
    text = mistake(table=table)
    assert text.startswith("wrangler.toml: callyard.")
    assert problem in text


def test_a_mistake_is_named_by_where_it_was_written():
    assert mistake(environment={"CALLYARD_LEASE": "soon"}).startswith("CALLYARD_LEASE: should be seconds")
    assert mistake(flags={"max_message_bytes": "big"}).startswith("--max-message-bytes: should be bytes")


def test_all_mistakes_come_at_once():
    text = mistake(table={"leese": 1, "zzz": 1, "grace": "x"}, flags={"retries": "y"})
    assert [line.split(" should")[0].split(" no such")[0] for line in text.splitlines()] == [
        "wrangler.toml: callyard.leese:",
        "wrangler.toml: callyard.zzz:",
        "--retries:",
        "wrangler.toml: callyard.grace:",
    ]
    assert 'Did you mean "lease"?' in text
    assert "The settings are concurrency, processes, lease" in text


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("1", True), ("ON", True), ("false", False), ("no", False)]
)
def test_switches_of_the_environment_are_words(text, value):
    assert resolve(environment={"CALLYARD_INLINE": text}).inline is value


def test_other_variables_of_the_environment_are_let_be():
    assert resolve(environment={"CALLYARD_URL": "x", "LEASE": "x"}) == Settings()


def test_every_setting_has_a_flag_a_twin_a_default_and_a_description():
    flags = Settings.flags()
    assert len(flags) == len(Settings.model_fields)
    assert ("--max-message-bytes", "CALLYARD_MAX_MESSAGE_BYTES", "1MiB") in [flag[:3] for flag in flags]
    assert ("--wait-until-limit", "CALLYARD_WAIT_UNTIL_LIMIT", "15m") in [flag[:3] for flag in flags]
    assert all(flag.description for flag in flags)


def test_a_default_as_it_is_shown_means_the_default():
    flags = Settings.flags()
    assert resolve(environment={flag.variable: flag.default for flag in flags}) == Settings()


@given(st.floats(min_value=0, max_value=1e7))
def test_a_shown_duration_means_the_same(seconds):
    rounded = round(seconds, 3)
    assert parse_duration(show_duration(rounded)) == pytest.approx(rounded, rel=1e-5)


@given(st.integers(min_value=0, max_value=1 << 40))
def test_a_shown_size_means_the_same(size):
    assert parse_size(show_size(size)) == size


@given(st.text())
def test_any_text_is_a_duration_or_a_value_error(text):
    with suppress(ValueError):
        assert parse_duration(text) >= 0

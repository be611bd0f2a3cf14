"""The line about a call."""

import pytest

from worker_runtime.dev.call_log import LONGEST_ERROR, duration, line
from worker_runtime.invoking.observing import Ended, describe_batch
from worker_runtime.services.service import Service
from workers import WorkerEntrypoint

SHOP = Service("shop", {"Default": type("Default", (WorkerEntrypoint,), {})})


def ended(**changed):
    usual = {
        "service": "shop",
        "entrypoint": "Default",
        "method": "price",
        "seconds": 0.0012,
        "how": "returned",
        "error": "",
    }
    return Ended(**{**usual, **changed})


def test_line_says_when_what_how_long_and_how():
    assert line(ended(), "12:00:01", colour=False) == "12:00:01 shop.price                          1.2 ms  ok"
    raised = ended(entrypoint="Admin", how="raised", error="ValueError: no tea")
    assert line(raised, "12:00:01", colour=False).endswith(
        "shop#Admin.price                    1.2 ms  raised ValueError: no tea"
    )
    refused = ended(how="refused", seconds=None, error="MethodNotFound: no such thing")
    assert line(refused, "", colour=False).endswith("  -  refused MethodNotFound: no such thing")


def test_batch_of_a_queue_is_a_line_like_that_of_a_call():
    handled = describe_batch(SHOP, "mails", 3, 0.0012, None)
    failed = describe_batch(SHOP, "mails", 1, 0.0012, KeyError("tea"))

    assert line(handled, "12:00:01", colour=False) == "12:00:01 shop.queue(mails, 3)                1.2 ms  ok"
    assert line(failed, "", colour=False).endswith("shop.queue(mails, 1)                1.2 ms  raised KeyError: 'tea'")


def test_line_says_what_was_asked_for_and_where_it_failed():
    fetched = line(ended(method="fetch", detail="GET /tea", status=404), "", colour=False)
    assert fetched.split() == ["shop.fetch", "GET", "/tea", "1.2", "ms", "ok", "404"]
    failed = line(ended(how="raised", error="ValueError: no tea", raised_at="shop.py:7"), "", colour=False)
    assert failed.endswith("raised ValueError: no tea (shop.py:7)")
    assert "\x1b" not in line(ended(detail="GET /\x1b[2J"), "", colour=False)


def test_colour_stands_around_the_outcome_only():
    assert line(ended(), "12:00:01", colour=True).endswith("1.2 ms  \x1b[32mok\x1b[0m")


def test_error_of_many_lines_is_one_short_line_that_steers_no_terminal():
    hostile = ended(how="raised", error="Bad: \x1b[2J\r" + "x" * 1000 + "\nsecond line")
    shown = line(hostile, "12:00:01", colour=False)

    assert "\x1b" not in shown
    assert "\r" not in shown
    assert "second" not in shown
    assert len(shown) < LONGEST_ERROR + 80
    assert "\x1b" not in line(ended(method="\x1b[2J"), "", colour=False)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.00004, "0.0 ms"), (0.0123, "12.3 ms"), (0.1234, "123 ms"), (0.9996, "1.00 s"), (75, "75.00 s")],
)
def test_duration_has_a_unit_that_gives_few_digits(seconds, text):
    assert duration(seconds) == text

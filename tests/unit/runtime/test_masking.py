"""Secrets are taken out of texts, plain values and log records."""

import json
import logging
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_runtime.masking import MASK, Mask, MaskingFormatter


def test_secret_is_masked_wherever_it_stands():
    mask = Mask(["hunter2", "s3cret"])

    assert mask.text("int() with base 10: 'hunter2', s3cret") == "int() with base 10: '***', ***"
    assert mask.value(["a", ("hunter2", 3), {"s3cret": {"k": "xhunter2x"}}]) == ["a", (MASK, 3), {MASK: {"k": "x***x"}}]


def test_secret_is_masked_in_bytes_and_sets_too():
    mask = Mask(["hunter2", "sé cret"])

    assert mask.value([b"xhunter2x", bytearray("sé cret", "utf-8")]) == [b"x***x", bytearray(b"***")]
    assert mask.value({"hunter2"}) == {MASK}
    assert mask.value(frozenset({(b"hunter2",)})) == frozenset({(b"***",)})


@pytest.mark.parametrize("write", [json.dumps, partial(json.dumps, ensure_ascii=False), quote, quote_plus])
def test_secret_is_masked_as_json_and_urls_have_it(write):
    secret = 'sé"cret /& value'

    assert Mask([secret]).text(f"<{write(secret).strip(chr(34))}>") == "<***>"


def test_what_repr_makes_of_a_secret_is_masked_too():
    mask = Mask(["pass'word\\\n\"end"])

    assert (
        mask.text(f"bad value {'pass' + chr(39) + 'word' + chr(92) + chr(10) + chr(34) + 'end'!r}") == "bad value '***'"
    )


def test_lines_of_a_long_secret_are_masked_one_by_one():
    key = "-----BEGIN KEY-----\nabcdefgh\nijklmnop\n-----END KEY-----\n"

    assert "ijklmnop" not in Mask([key]).text("the line ijklmnop is wrong")


def test_one_secret_within_another_leaves_no_rest():
    assert Mask(["hunter", "hunter2-long"]).text("hunter2-long") == MASK


@pytest.mark.parametrize("short", ["", "1", "abc", "é", "\n"])
def test_values_too_short_to_hide_are_left_alone(short):
    mask = Mask([short])

    assert not mask
    assert mask.text("abc 1 %C3%A9 \\u00e9 %0A") == "abc 1 %C3%A9 \\u00e9 %0A"


def test_mask_shows_no_secret_of_itself():
    assert "hunter2" not in repr(Mask(["hunter2"]))


@given(st.text("abc'\\", min_size=4), st.text("xyz*"), st.text("xyz*"))
def test_nothing_but_the_secret_is_taken_out(secret, before, after):
    assert Mask([secret]).text(f"{before}{secret}{after}") == f"{before}***{after}"


def test_log_records_and_their_tracebacks_are_masked(caplog):
    try:
        int("hunter2")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "failed with %s", ("hunter2",), (ValueError, error, None)
        )

    formatted = MaskingFormatter("%(message)s", Mask(["hunter2"])).format(record)

    assert "failed with ***" in formatted
    assert "ValueError: invalid literal" in formatted
    assert "hunter2" not in formatted

"""Patterns of rules: as regular expressions would fit, without their patience for hostile paths."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_runtime.assets.patterns import Pattern

MARKS = {"*": "(?P<splat>.*)", ":a": "(?P<a>[^/]+)", ":b": "(?P<b>[^/]+)", ":c": "(?P<c>[^/]+)"}


@given(
    marks=st.lists(st.sampled_from(sorted(MARKS)), max_size=4, unique=True),
    between=st.lists(st.text("x-/", max_size=2), min_size=5, max_size=5),
    path=st.text("x-/\n", max_size=12),
)
def test_a_pattern_fits_as_a_regular_expression_does(marks, between, path):
    text = "/" + "".join(map("".join, zip(between, [*marks, *[""] * (5 - len(marks))], strict=True)))
    # What follows the name of a placeholder must not belong to it.
    text = re.sub(r"(:[abc])x", r"\1-", text)
    expression = re.sub(r"\*|:[abc]", lambda mark: MARKS[mark[0]], text)
    found = re.fullmatch(expression, f"/{path}", re.DOTALL)

    assert Pattern(text).match("", f"/{path}") == (found and found.groupdict())


@pytest.mark.parametrize("pattern", ["/:y-:m-:d-:name", "/*-:a-:b-:c/x", "/:a:b:c:d", "https://:a.h/:b-:c-*-x"])
def test_a_long_path_takes_no_longer_than_its_length_asks_for(pattern):
    begun = time.process_time()

    assert Pattern(pattern).match("h.h", "/" + "-" * 16_000 + "/") is None
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("pattern", ["/*/*", "/:a/:a", "/:splat/*"])
def test_no_two_marks_have_one_name(pattern):
    with pytest.raises(ValueError, match="one splat at most"):
        Pattern(pattern)

"""What `python -m client call` prints of a result."""

import json
from collections.abc import AsyncIterator

import pytest

from client.command_line.calling import show_result


async def items() -> AsyncIterator[object]:
    yield {"a": 1}
    yield "text"


async def broken() -> AsyncIterator[int]:
    yield 1
    raise ValueError("no more")


async def test_each_item_of_a_stream_is_a_line_of_json(capsys):
    await show_result(items(), in_json=False)

    assert capsys.readouterr().out == '{"a": 1}\n"text"\n'


async def test_what_came_before_a_stream_broke_is_there(capsys):
    with pytest.raises(ValueError, match="no more"):
        await show_result(broken(), in_json=True)

    assert capsys.readouterr().out == "1\n"


async def test_any_other_result_is_text_or_json(capsys):
    await show_result("a b", in_json=False)
    await show_result("a b", in_json=True)

    assert capsys.readouterr().out.splitlines() == ["a b", json.dumps("a b")]

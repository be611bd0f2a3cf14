"""Pages of the documentation that are walked through from their first line to their last, in an empty folder."""

import pytest

from tests.support.walking import Walk, blocks
from tests.support.workers import ROOT

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.mark.parametrize("name", ["tutorial", "kv-and-queues", "assets"])
def test_page_can_be_followed_from_its_first_line_to_its_last(name, tmp_path):
    page = (ROOT / "docs" / f"{name}.md").read_text()
    walk = Walk(tmp_path)
    try:
        for block in blocks(page):
            walk.do(block)
    finally:
        walk.close()

    assert page.count("\n```") == 2 * len(blocks(page))
    assert len(blocks(page)) >= 5

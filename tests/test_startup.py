"""`import client` is cheap: it is in every script and every web worker that makes a call."""

import json
import subprocess
import sys

import pytest

NOT_FOR_CALLERS = {
    "pydantic", "pydantic_core", "redis", "fakeredis", "lupa", "dotenv", "worker_runtime", "workers", "uvloop",
    "multiprocessing", "unittest", "http.server", "sqlite3", "argparse",
}  # fmt: skip
"""What a process that only calls has no use for, or brings by itself."""
MOST_MODULES = 250
"""A fifth more than when this was written, 209; most of them are asyncio's, ssl's and anyio's."""
MOST_SECONDS = 0.6
"""Three times the bar, and of CPU: neither a slow machine nor a busy one fails it. `make bench` measures the time."""

PROGRAM = """\
import json, sys, time
before, begun = set(sys.modules), time.process_time()
import client
print(json.dumps([time.process_time() - begun, sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def imported(root) -> tuple[float, set[str]]:
    """The CPU that the import took at best of three, and the modules that it brought."""
    told = [
        json.loads(subprocess.run([sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    return min(seconds for seconds, _ in told), set(told[0][1])


def test_import_brings_nothing_that_callers_have_no_use_for(imported):
    assert {name for name in imported[1] if name in NOT_FOR_CALLERS} == set()


def test_import_brings_no_more_modules_than_it_needs(imported):
    assert len(imported[1]) <= MOST_MODULES


def test_import_takes_a_moment(imported):
    assert imported[0] < MOST_SECONDS

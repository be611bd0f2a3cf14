"""What one call takes, counted instead of timed, so that a regression shows on any machine.

`python -m bench.counts` prints the figures. A bound is about an eighth above what was counted when it was set; a
change that needs more raises it on purpose, and says in the same commit what is bought with it.
"""

import json
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.redis,
    pytest.mark.skipif(not shutil.which("redis-server"), reason="there is no redis-server on PATH"),
]

BOUNDS = {
    # One at a time, nothing is shared with other calls: the whole way of a call.
    ("1", "client_functions"): 176,
    ("1", "worker_functions"): 210,
    # Four that the two ends send (enqueue, XREADGROUP, settle, XREAD), nine by the scripts; now and then an XTRIM.
    ("1", "redis_commands"): 13.5,
    # The names of four keys and the arguments of two scripts; the entry itself is a tenth of it.
    ("1", "redis_bytes_in"): 960,
    ("1", "redis_bytes_out"): 313,
    # The client's enqueue and its XREAD, the worker's settle and its XREADGROUP.
    ("1", "redis_reads"): 4.5,
    ("1", "redis_writes"): 4.5,
    # 64 calls that are made in one tick share the scripts, the reads and the writes. What is left is each call's own.
    ("64", "client_functions"): 80,
    ("64", "worker_functions"): 114,
    # The XADD of the call, and a share of all others.
    ("64", "redis_commands"): 1.34,
    ("64", "redis_bytes_in"): 137,
    ("64", "redis_bytes_out"): 134,
    ("64", "redis_reads"): 0.08,
    ("64", "redis_writes"): 0.08,
    # Anything kept for each call would be at least one block; timers and heartbeats of the moment are a part of one.
    ("64", "client_blocks_kept"): 0.5,
    ("64", "worker_blocks_kept"): 0.5,
    ("64", "client_peak_bytes"): 1120,
    # A task with its context, the entrypoint and its ctx, for each call that runs.
    ("64", "worker_peak_bytes"): 2900,
}


@pytest.fixture(scope="module")
def counted(root) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "bench.counts", "--json"]
    return json.loads(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize(("in_flight", "what"), BOUNDS, ids=lambda part: part)
def test_call_takes_no_more_than_its_bound(counted, in_flight, what):
    assert counted[in_flight][what] <= BOUNDS[in_flight, what]


def test_every_count_has_a_bound_near_it(counted):
    assert {(in_flight, what) for in_flight, counts in counted.items() for what in counts} == BOUNDS.keys()
    # A bound that is far above says nothing any longer: lower it.
    loose = {key: counted[key[0]][key[1]] for key, bound in BOUNDS.items() if counted[key[0]][key[1]] < bound / 2}
    assert all(what.endswith("_kept") for _, what in loose), loose

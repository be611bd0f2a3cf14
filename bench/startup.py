"""How long `import client` takes in a fresh process."""

from __future__ import annotations

import statistics
import subprocess
import time

from bench.environments import ROOT, bin_of, is_made
from bench.systems import BY_NAME

_TIMES = 7


def import_times() -> dict[str, float]:
    """Milliseconds, of the interpreter alone and of the import on top of it, on a warm disk; none without Callyard."""
    if not is_made(BY_NAME["callyard-uvloop"]):
        return {}
    _run("import client")
    empty = statistics.median(_run("pass") for _ in range(_TIMES))
    whole = statistics.median(_run("import client") for _ in range(_TIMES))
    return {"interpreter": empty, "import": whole - empty}


def _run(program: str) -> float:
    begun = time.perf_counter()
    subprocess.run([str(bin_of("callyard-uvloop") / "python"), "-c", program], cwd=ROOT, check=True)
    return (time.perf_counter() - begun) * 1000

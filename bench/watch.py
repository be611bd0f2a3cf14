"""Looking at the process that one is in: CPU, memory, or every function call. Used at both ends of a call."""

from __future__ import annotations

import cProfile
import gc
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent


class Watch:
    """Looks at one thing at a time, between `begin` and `end`, in the thread that calls them.

    `cpu` gives the CPU seconds of the process and the blocks of memory that it has more at the end;
    `peak` the most bytes that it had more at any moment; `functions` who called whom, how often and for how long.
    """

    def __init__(self) -> None:
        self._what = ""
        self._profile = cProfile.Profile()
        self._cpu = 0.0
        self._blocks = 0

    def begin(self, what: str) -> None:
        """Look at *what* from here on."""
        self._what = what
        gc.collect()
        if what == "peak":
            tracemalloc.start()
        elif what == "functions":
            self._profile = cProfile.Profile()
            self._profile.enable()
        else:
            self._blocks, self._cpu = sys.getallocatedblocks(), time.process_time()

    def end(self) -> dict[str, Any]:
        """What was seen, as plain values."""
        if self._what == "peak":
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return {"peak": peak}
        if self._what == "functions":
            self._profile.disable()
            return {"functions": rows_of(self._profile)}
        cpu = time.process_time() - self._cpu
        gc.collect()
        return {"cpu": cpu, "blocks": sys.getallocatedblocks() - self._blocks}


def rows_of(profile: cProfile.Profile) -> list[list[Any]]:
    """`[function, calls, seconds in itself, [[function that it called, calls, seconds in that], ...]]` of each."""
    return [
        [
            label_of(entry.code), entry.callcount, entry.inlinetime,
            [[label_of(called.code), called.callcount, called.inlinetime] for called in entry.calls or ()],
        ]
        for entry in profile.getstats()
    ]  # fmt: skip


def label_of(code: Any) -> str:
    """`path:qualified name` of a Python function, in the project if it is ours; `C:` and its text of others."""
    if isinstance(code, str):
        return f"C:{code}"
    path = Path(code.co_filename)
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) and ".venv" not in path.parts else path
    return f"{shown}:{code.co_qualname}"

"""Looking at the process that one is in: CPU, memory, calls of functions, or where the time goes. For both ends."""

from __future__ import annotations

import cProfile
import dis
import gc
import signal
import sys
import time
import tracemalloc
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from bench.stages import LOOP

ROOT: Final = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS: Final = 0.001
"""CPU time from one sample to the next; most systems do not look more often than every four milliseconds."""
_RUNNERS: Final = ("/asyncio/runners.py", "/asyncio/base_events.py", "/uvloop/__init__.py")
"""Whose frame stands below everything that an event loop calls."""
_RESUME: Final = dis.opmap["RESUME"]


class Watch:
    """Looks at one thing at a time, between `begin` and `end`, in the main thread.

    `cpu` gives the CPU seconds of the process and the blocks of memory that it has more at the end;
    `peak` the most bytes that it had more at any moment; `calls` how many functions were called, in
    Python and in C; `samples` how often each function was found running, at even steps of CPU time,
    and the CPU seconds.
    """

    def __init__(self) -> None:
        self._what = ""
        self._profile = cProfile.Profile()
        self._cpu = 0.0
        self._blocks = 0
        self._samples: dict[str, int] = {}

    def begin(self, what: str) -> None:
        """Look at *what* from here on."""
        self._what = what
        gc.collect()
        if what == "peak":
            tracemalloc.start()
        elif what == "calls":
            self._profile = cProfile.Profile()
            self._profile.enable()
        elif what == "samples":
            self._samples = defaultdict(int)
            signal.signal(signal.SIGPROF, self._sample)
            self._cpu = time.process_time()
            # By CPU time, not by the clock: a process that waits must not be woken to be looked at.
            signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        else:
            self._blocks, self._cpu = sys.getallocatedblocks(), time.process_time()

    def end(self) -> dict[str, Any]:
        """What was seen, as plain values."""
        if self._what == "peak":
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return {"peak": peak}
        if self._what == "calls":
            self._profile.disable()
            return {"calls": sum(entry.callcount for entry in self._profile.getstats())}
        if self._what == "samples":
            signal.setitimer(signal.ITIMER_PROF, 0)
            cpu = time.process_time() - self._cpu
            signal.signal(signal.SIGPROF, signal.SIG_IGN)
            return {"samples": dict(self._samples), "cpu": cpu}
        cpu = time.process_time() - self._cpu
        gc.collect()
        return {"cpu": cpu, "blocks": sys.getallocatedblocks() - self._blocks}

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_code[frame.f_lasti] == _RESUME:
            # Python looks for signals where a function begins: the time was spent before it did.
            frame = frame.f_back
        self._samples[own_function(frame)] += 1


def own_function(frame: FrameType | None) -> str:
    """The innermost function of ours at *frame*, as `path:qualified name`; `event loop` where it runs none."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.endswith(_RUNNERS):
            return LOOP
        if (label := label_of(frame.f_code)) is not None:
            return label
        frame = frame.f_back
    return LOOP


def label_of(code: CodeType) -> str | None:
    """`path:qualified name` of a function of this project; None for others."""
    path = Path(code.co_filename)
    if not path.is_relative_to(ROOT) or "site-packages" in path.parts:
        return None
    return f"{path.relative_to(ROOT)}:{code.co_qualname}"

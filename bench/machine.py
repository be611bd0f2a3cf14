"""The machine and the versions that figures come from."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.environments import ROOT, versions
from bench.systems import System


def describe(systems: Sequence[System]) -> dict[str, Any]:
    """What a reader has to know to judge the figures."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "redis": _said("redis-server", "--version").partition("v=")[2].split(" ")[0],
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load_before": os.getloadavg()[0],
        "versions": {system.name: _shown(system) for system in systems},
    }


def _shown(system: System) -> dict[str, str]:
    installed = versions(system.name)
    return {name: installed[name] for name in system.shown if name in installed}


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _said(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

"""What the operating system says of processes: CPU time, memory, connections. Linux only."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_SCHEDULED: Final = 2
"""Which of the CPU clocks of a process: the time that it was scheduled, to the nanosecond."""


def tree(pid: int) -> list[int]:
    """*pid* and all its descendants."""
    found = [pid]
    for process in found:
        for path in _PROC.glob(f"{process}/task/*/children"):
            found += map(int, path.read_text().split())
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time that *pids* have used, user and system, of all their threads, ended ones too."""
    # clock_getcpuclockid(3) does not exist in Python; this is what it computes.
    return sum(time.clock_gettime((~pid << 3) | _SCHEDULED) for pid in pids)


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of *pids*; pages that they share count for each."""
    return sum(_field(pid, "VmRSS") for pid in pids)


def connections(pids: Iterable[int]) -> int:
    """TCP connections that *pids* hold to other processes."""
    tcp = {inode for table in ("tcp", "tcp6") for inode in _established(table)}
    return sum(
        link.removeprefix("socket:[").removesuffix("]") in tcp
        for pid in pids
        for link in _links(pid)
        if link.startswith("socket:[")
    )


def _field(pid: int, name: str) -> int:
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _established(table: str) -> set[str]:
    rows = (_PROC / "net" / table).read_text().splitlines()[1:]
    return {fields[9] for fields in map(str.split, rows) if fields[3] == "01"}


def _links(pid: int) -> list[str]:
    links: list[str] = []
    for path in (_PROC / str(pid) / "fd").iterdir():
        try:
            links.append(str(path.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return links

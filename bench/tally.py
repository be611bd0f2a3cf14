"""How many calls the servers ran, as seen from outside: one cell of shared memory for each process."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

VARIABLE: Final = "BENCH_TALLY"
"""The folder of the cells; where it is not set nothing is counted."""

_CELLS: dict[int, memoryview] = {}


def ran() -> None:
    """Count one call. Costs a tenth of a microsecond."""
    cell = _CELLS.get(os.getpid())
    if cell is None:
        cell = _open()
    cell[0] += 1


def total(folder: Path) -> int:
    """All calls counted under *folder*."""
    return sum(int.from_bytes(path.read_bytes(), "little") for path in folder.iterdir())


def _open() -> memoryview:
    # Not at import: a process that forks its workers would share one cell with them.
    folder = os.environ.get(VARIABLE)
    if folder is None:
        cells = memoryview(bytearray(8))
    else:
        path = Path(folder) / str(os.getpid())
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            cells = memoryview(mmap.mmap(file.fileno(), 8))
    _CELLS[os.getpid()] = cells.cast("Q")
    return _CELLS[os.getpid()]

"""Programs of pages, each in a process of its own, which begins as a copy of one that has `client` and redis loaded."""

import ast
import asyncio
import inspect
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.pages import ROOT

SECONDS = 30
"""After which a program is taken never to end, and killed."""


class Ended(NamedTuple):
    """How a program ended: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str


class Programs:
    """Runs programs, one after the other, until the end of the `with` block."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.programs"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()

    def run(self, source: str, place: str, folder: Path, environment: Mapping[str, str]) -> Ended:
        """How *source* ends, which stands at *place*, in this folder and environment."""
        assert self._process.stdin
        assert self._process.stdout
        streams = [folder / f".{name}" for name in ("output", "errors")]
        order = {
            "source": source, "place": place, "folder": str(folder), "environment": dict(environment),
            "streams": [str(stream) for stream in streams],
        }  # fmt: skip
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Ended(code, *(stream.read_text(encoding="utf-8") for stream in streams))


def _become(order: dict[str, Any]) -> None:
    """Run the program of *order* as Python's own asyncio console does where it awaits outside of functions."""
    signal.alarm(SECONDS)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, stream in enumerate(order["streams"], 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    code = compile(order["source"], order["place"], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, {"__name__": "__main__"})
    if inspect.iscoroutine(result):
        asyncio.run(result)


def _main() -> None:
    # What all programs load, and what starts them need not.
    import redis.asyncio  # noqa: PLC0415

    import client  # noqa: F401, PLC0415

    for line in sys.stdin:
        if not (child := os.fork()):
            # Whatever it raises ends this copy as it would end any program.
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    _main()

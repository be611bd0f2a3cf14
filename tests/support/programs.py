"""Programs and command lines of pages, each in a process of its own.

It begins as a copy of one that has loaded what they load: that takes a good part of a second, and there are dozens.
"""

import ast
import asyncio
import gc
import importlib
import inspect
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.support.pages import ROOT

LOADED = ("redis.asyncio", "client", "worker_runtime.cli")
"""What they load."""
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

    def __enter__(self) -> Self:
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


def as_program(line: str) -> str:
    """The program that does what *line* does, `python -m MODULE WORDS`; empty where it takes more of a shell."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    words = list(lexer)
    if words[:2] != ["python", "-m"] or "$" in line or any(set(word) <= set("();<>|&") for word in words if word):
        return ""
    module, *arguments = words[2:]
    return f"""\
import runpy, sys
sys.argv[1:] = {arguments}
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def _become(order: dict[str, Any]) -> None:
    """Run the program of *order* as Python's own asyncio console does where it awaits outside of functions."""
    signal.alarm(SECONDS)
    os.chdir(order["folder"])
    sys.path[0] = order["folder"]
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
    for module in LOADED:
        importlib.import_module(module)
    # Or each copy spends three times its time on the search for garbage in all that was loaded.
    gc.freeze()
    for line in sys.stdin:
        if not (child := os.fork()):
            # Whatever it raises ends this copy as it would end any program.
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main()

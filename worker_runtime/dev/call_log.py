"""The request log: one line for each call that ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Final

from broker.names import DEFAULT_ENTRYPOINT
from worker_runtime.exits import say
from worker_runtime.invoking.observing import Ended

LONGEST_ERROR: Final = 200
_NAME_WIDTH: Final = 32
_COLOURS: Final = {"returned": "32", "raised": "31", "refused": "33"}
_WORDS: Final = {"returned": "ok", "raised": "raised", "refused": "refused"}


def log_calls() -> Callable[[Ended], None]:
    """What writes a line to standard output for each call, in colour where that is a terminal."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return lambda ended: say(line(ended, time.strftime("%H:%M:%S"), colour=colour))


def line(ended: Ended, moment: str, *, colour: bool) -> str:
    """The line about *ended*: when, what, how long, and how it ended."""
    entrypoint = "" if ended.entrypoint == DEFAULT_ENTRYPOINT else f"#{ended.entrypoint}"
    name = f"{ended.service}{entrypoint}.{ended.method}" + (f" {ended.detail}" if ended.detail else "")
    status = "" if ended.status is None else f" {ended.status}"
    words = _WORDS[ended.how] + status + (f" {_plain(ended.error)}" if ended.error else "")
    if ended.raised_at:
        words += f" ({_plain(ended.raised_at)})"
    if colour:
        words = f"\x1b[{_COLOURS[ended.how]}m{words}\x1b[0m"
    return f"{moment} {_plain(name):<{_NAME_WIDTH}} {duration(ended.seconds):>9}  {words}"


def duration(seconds: float | None) -> str:
    """Seconds for people, in a unit that gives few digits."""
    if seconds is None:
        return "-"
    if seconds < 0.0995:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def _plain(text: str) -> str:
    """The first line of *text*, short, and without what would steer a terminal."""
    first = text.partition("\n")[0]
    shown = first if len(first) <= LONGEST_ERROR else first[: LONGEST_ERROR - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in shown)

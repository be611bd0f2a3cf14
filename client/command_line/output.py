"""Printing on standard output, whatever is at its other end."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import Final

_STEERING: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What moves the cursor, renames the window or turns the direction of writing; tabs and line ends belong to text."""


def harmless(text: str) -> str:
    """*text* with an escape in the place of each character that could steer a terminal."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def say(text: str) -> None:
    """Print *text* and a line end; a reader that has seen enough, such as `head`, is no failure.

    What could steer a terminal is escaped where there is one. Files and pipes get all as it is.

    Raises:
        OSError: it cannot be written.
    """
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # A terminal that lacks a character still shows the others.
        out.reconfigure(errors="backslashreplace")
    if sys.stdout.isatty():
        text = harmless(text)
    try:
        print(text, flush=True)  # noqa: T201 -- command lines print
    except OSError as error:
        # What is left in the buffer must not fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            raise

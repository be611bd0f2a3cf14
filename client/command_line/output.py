"""Printing on standard output, whatever is at its other end."""

from __future__ import annotations

import io
import os
import sys


def say(text: str) -> None:
    """Print *text* and a line end; a reader that has seen enough, such as `head`, is no failure.

    Raises:
        OSError: it cannot be written.
    """
    out: object = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # A terminal that lacks a character still shows the others.
        out.reconfigure(errors="backslashreplace")
    try:
        print(text, flush=True)  # noqa: T201 -- command lines print
    except OSError as error:
        # What is left in the buffer must not fail once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            raise

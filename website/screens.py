"""`python -m website.screens`: pictures of terminals, made of what the commands really print.

Each command runs on a terminal of its own; what it wrote there, with its colours, becomes a picture in `docs/pictures`.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from html import escape
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT: Final = Path(__file__).parent.parent
PICTURES: Final = ROOT / "docs" / "pictures"
COLUMNS: Final = 100
PATIENCE: Final = 20.0

_COLOURS: Final = (
    (236, 110, 120), (142, 202, 150), (235, 203, 139), (129, 161, 241), (199, 146, 234), (122, 204, 214),
)  # fmt: skip
_THEME: Final = TerminalTheme(
    (27, 31, 42),
    (216, 222, 233),
    [(59, 66, 82), *_COLOURS, (216, 222, 233)],
    [(130, 139, 158), *_COLOURS, (236, 239, 244)],
)  # fmt: skip
_FRAME: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" \
aria-label="@LABEL">
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      font-size: {char_height}px; line-height: {line_height}px;
    }}
    {styles}
  </style>
  <defs>{lines}</defs>
  <rect fill="#1b1f2a" width="{width}" height="{height}" rx="8"/>
  <g transform="translate({terminal_x}, 18)">
    {backgrounds}
    <g class="{unique_id}-matrix">
    {matrix}
    </g>
  </g>
</svg>
"""


class Screen:
    """A command on a terminal of its own, and what it has written there."""

    def __init__(self, words: Sequence[str], environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True,
            env=os.environ | {"COLUMNS": str(COLUMNS), "TERM": "xterm-256color"} | environment,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read on until what was written has *pattern*.

        Raises:
            TimeoutError: it never came.
        """
        give_up = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.text)):
            if time.monotonic() > give_up or not self._read():
                raise TimeoutError(f"{pattern!r} did not come: {self.text}")
        return found

    def read_all(self) -> str:
        """What it wrote, once it has ended."""
        while self._read():
            pass
        return self.text

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(PATIENCE)
        os.close(self._ours)

    def _read(self) -> bool:
        if not select.select([self._ours], [], [], PATIENCE)[0]:
            return False
        try:
            piece = os.read(self._ours, 65536)
        except OSError:
            # Linux says so at the end of a terminal.
            return False
        self.text += piece.decode().replace("\r", "")
        return bool(piece)


def draw(name: str, shown: Sequence[tuple[str, str]]) -> None:
    """Draw commands and what each of them wrote as `docs/pictures/NAME.svg`."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        for command, written in shown:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=True)
            console.print(Text.from_ansi(written.rstrip()))
        svg = console.export_svg(theme=_THEME, code_format=_FRAME, unique_id=name)
    said = "; ".join(f"{command} prints: {Text.from_ansi(written).plain.strip()}" for command, written in shown)
    svg = svg.replace("@LABEL", escape(f"A terminal. {said}", quote=True))
    (PICTURES / f"{name}.svg").write_text(svg, "utf-8")


def main() -> None:
    """Take all pictures."""
    services = ["examples/shop", "examples/add/worker_a", "examples/add/worker_b"]
    with closing(Screen(["-m", "worker_runtime", "dev", *services, "--http", "127.0.0.1:0"], {})) as dev:
        url = {"BROKER_URL": dev.read_until(r"embedded broker \(.*\) at (\S+)")[1]}
        dev.read_until("ready ")
        shown = ("describe shop", "call worker_b.add 1 2", "call worker_b.add one 2")
        said = {words: _said(words, url) for words in shown}
        for words in ("call worker_b.total", "call worker_a.fetch /"):
            _said(words, url)
        dev.read_until(r"worker_a.fetch.*\n")
        draw("describe", [("python -m client describe shop", said["describe shop"])])
        draw("call", [(f"python -m client {words}", said[words]) for words in said if words.startswith("call")])
        draw("dev", [(f"python -m worker_runtime dev {' '.join(services)}", dev.text)])


def _said(words: str, environment: dict[str, str]) -> str:
    with closing(Screen(["-m", "client", *words.split()], environment)) as screen:
        return screen.read_all()


if __name__ == "__main__":
    main()

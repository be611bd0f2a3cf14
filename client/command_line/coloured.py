"""The listing of a service in colour, with `rich`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from client.command_line.described import lines_of

_STYLES: Final = {"service": "bold", "entrypoint": "bold cyan", "doc": "dim"}
_MARKS: Final = ("  (property)", "  (stream)")


def show(service: str, offers: Mapping[str, Any]) -> None:
    """Print the listing on the terminal. Texts of the service are shown as they are, never read as markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    for line in lines_of(service, offers):
        if line.kind in _STYLES:
            shown = Text(line.text, style=_STYLES[line.kind])
        else:
            mark = next((mark for mark in _MARKS if line.text.endswith(mark)), "")
            shown = syntax.highlight(line.text.removesuffix(mark))
            shown.rstrip()
            shown.append(mark, style="yellow")
        console.print(Text("  " * line.depth) + shown, soft_wrap=True)

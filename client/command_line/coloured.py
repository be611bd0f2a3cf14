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
_HANGING: Final = "    "
_NARROWEST: Final = 20


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
        _print(console, "  " * line.depth, shown, "" if line.kind in _STYLES else _HANGING)


def _print(console: Console, indent: str, shown: Text, hanging: str) -> None:
    """Print *shown* within the width of the terminal; what does not fit follows below, *hanging* further in."""
    width = max(_NARROWEST, console.width - len(indent) - len(hanging))
    for at, part in enumerate(shown.wrap(console, width, overflow="fold", no_wrap=False)):
        before = indent if part.plain else ""
        console.print(Text(f"{before}{hanging}" if at else before) + part, soft_wrap=True)

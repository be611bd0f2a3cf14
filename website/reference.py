"""`python -m website.reference`: write the pages of the reference that say what the code says of itself.

Settings, command lines and exit codes. With `--check` nothing is written, and a page that no longer fits is an error.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from broker.operator import cli as operator
from client.command_line import calling, completing, describing, gateway, recording
from worker_runtime import cli as worker
from worker_runtime.config import Settings
from worker_runtime.d1 import cli as d1

PAGES: Final = Path(__file__).parent.parent / "docs" / "reference"

_CODE: Final = re.compile(r"[,;]\s+(?=\d+ )")
_SETTINGS: Final = """\
The table `[callyard]` of a `wrangler.toml` (`"callyard"` in JSON). A flag goes before the environment, the environment
before the table. Durations are seconds or, for example, `250ms`, `10m`; sizes are bytes or, for example, `4MiB`.
"""
_CALLERS: Final = """\
## Callers

Programs that call read three variables; what is given to `connect` goes before them.

| variable | default | |
|---|---|---|
| `BROKER_URL` | `redis://localhost:6379` | where Redis is |
| `CALLYARD_PREFIX` | `callyard` | first part of every key |
| `CALLYARD_MAX_MESSAGE_BYTES` | `1MiB` | largest call that is sent, and largest reply that is taken |
"""


class Page(NamedTuple):
    """A generated page: its file, its title, where it comes from, and its text."""

    file: str
    title: str
    origin: str
    text: str

    def __str__(self) -> str:
        """The whole page."""
        origin = f"<!-- Written by `make docs` from {self.origin}; do not edit it here. -->"
        return f"# {self.title}\n\n{origin}\n\n{self.text}"


def pages() -> list[Page]:
    """All generated pages as they should be."""
    return [
        Page("settings.md", "Settings", "`worker_runtime/config/settings.py`", settings()),
        Page("command-lines.md", "Command lines", "the parsers of the commands", command_lines()),
        Page("exit-codes.md", "Exit codes", "what the commands say of them under `--help`", exit_codes()),
    ]


def settings() -> str:
    """The settings of a service as a table, and what callers read."""
    rows = [
        (f"`{name}`", f"`{flag.default or 'none'}`", flag.description, f"`{flag.flag}`<br>`{flag.variable}`")
        for name, flag in zip(Settings.model_fields, Settings.flags(), strict=True)
    ]
    return f"{_SETTINGS}\n{_table(('setting', 'default', 'meaning', 'flag, environment'), rows)}\n{_CALLERS}"


def command_lines() -> str:
    """Every command with its words and options."""
    return "\n".join(_command(parser) for parser in _parsers())


def exit_codes() -> str:
    """The exit codes of every family of commands."""
    parts: list[str] = []
    for title, parser in (
        ("python -m worker_runtime", worker._parser()),
        ("python -m worker_runtime d1", d1._parser()),
        ("python -m client", calling._parser()),
        ("python -m client gateway", gateway._parser()),
        ("python -m broker", operator._parser()),
    ):
        rows = [(f"`{code}`", meaning) for code, meaning in read_exit_codes(parser.epilog or "").items()]
        parts.append(f"## `{title}`\n\n{_table(('code', 'meaning'), rows)}")
    return "\n".join(parts)


def read_exit_codes(text: str) -> dict[int, str]:
    """The codes, and what they mean, of the sentence of a help text that begins with "Exit codes:"."""
    sentence = " ".join(text.split()).partition("Exit codes: ")[2].partition(". ")[0].removesuffix(".")
    return {int(code): meaning for code, _, meaning in (part.partition(" ") for part in _CODE.split(sentence))}


def _parsers() -> Iterator[argparse.ArgumentParser]:
    yield worker._parser()
    yield from _leaves(d1._parser())
    for command in (calling, describing, recording, gateway, completing):
        yield command._parser()
    yield from _leaves(operator._parser())


def _leaves(parser: argparse.ArgumentParser, summary: str | None = None) -> Iterator[argparse.ArgumentParser]:
    """The commands below *parser*, each described by what its parent says of it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        parser.description = parser.description or summary
        yield parser
    for action in below:
        summaries = {choice.dest: choice.help for choice in action._choices_actions}
        for name, command in action.choices.items():
            yield from _leaves(command, summaries.get(name))


def _command(parser: argparse.ArgumentParser) -> str:
    """The section about one command."""
    takes_settings = parser.prog == "python -m worker_runtime"
    settings_flags = {flag.flag for flag in Settings.flags() if takes_settings}
    shown = [action for action in parser._actions if not settings_flags & set(action.option_strings)]
    words = [action for action in shown if not action.option_strings]
    rows = [(_spelled(action), _help(action)) for action in shown if action.dest != "help" and action.help]
    usage = parser.usage or " ".join([parser.prog, "[OPTION ...]", *map(_word, words)])
    text = f"## `{parser.prog}`\n\n```text\n{usage}\n```\n\n"
    if parser.description:
        told = " ".join(parser.description.split("\n\n")[0].split())
        text += f"{told[0].upper()}{told[1:].rstrip('.')}.\n\n"
        if more := parser.description.partition("\n\n")[2].strip():
            text += f"```text\n{more}\n```\n\n"
    text += _table(("", ""), rows)
    if takes_settings:
        text += "\nEvery [setting](settings.md) is a flag too.\n"
    return text


def _word(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return f"[{name} ...]" if action.nargs == "*" else f"[{name}]" if action.nargs == "?" else name


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return _code(str(action.metavar or action.dest))
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(_code(flag + value) for flag in action.option_strings)


def _code(text: str) -> str:
    """*text* as code in a cell; how a bar is written between backticks there, readers of Markdown do not agree on."""
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default, "prog": ""}


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Write the pages, or say which of them no longer fit."""
    parser = argparse.ArgumentParser(prog="python -m website.reference", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where a page no longer fits")
    given = parser.parse_args()
    stale = [page for page in pages() if not _fits(page)]
    for page in stale:
        if given.check:
            print(f"docs/reference/{page.file} no longer fits {page.origin}: make docs", file=sys.stderr)
        else:
            (PAGES / page.file).write_text(str(page), encoding="utf-8")
    return 1 if given.check and stale else 0


def _fits(page: Page) -> bool:
    file = PAGES / page.file
    return file.exists() and file.read_text(encoding="utf-8") == str(page)


if __name__ == "__main__":
    sys.exit(main())

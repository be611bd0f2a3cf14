"""The code of the documentation: every block of every page, and what its page says of it.

Readers see ordinary Markdown. What they need not see stands in comments, each on a line of its own above the block:

    <!-- file: src/shop.py -->      the block is this file; one of the repository has to be it to the letter
    <!-- fragment: WHY -->          the block cannot run by itself; a test counts these
    <!-- run: COMMAND -->           something that has to happen first; with `&` at its end it goes on
    <!-- excerpt: src/todo.py -->   the block stands in this file of the repository
    <!-- configures: src/todo.py --> the block is a part of a configuration whose `main` is this file

A line that begins with `` `src/shop.py` `` says the same as the first of them to readers, too.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"^<!-- (file|fragment|run|excerpt|configures): (.+?) -->$", re.MULTILINE)
_TITLE = re.compile(r"^`([\w./@-]+\.\w+)`[^\n]*\n\n\Z", re.MULTILINE)


class Block(NamedTuple):
    """One piece of code, or one hidden command, whose language is then `run`."""

    place: str
    language: str
    text: str
    file: str = ""
    fragment: str = ""
    excerpt: str = ""
    configures: str = ""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, text: str | None = None) -> Iterator[Block]:
    """What *page* holds, in its order. *text* stands in for what is written there."""
    text = page.read_text(encoding="utf-8") if text is None else text
    end = 0
    for fence in _FENCE.finditer(text):
        before, line = text[end : fence.start()], text.count("\n", 0, fence.start()) + 1
        place = f"{name_of(page)}:{line}"
        marks = [(mark[1], mark[2]) for mark in _MARK.finditer(before)]
        yield from (Block(place, "run", value) for kind, value in marks if kind == "run")
        told = {kind: value for kind, value in marks if kind != "run"}
        if title := _TITLE.search(before):
            told.setdefault("file", title[1])
        # Where a page names a place of the machine, tests have a folder of their own in its stead.
        told["file"] = told.get("file", "").removeprefix("/")
        assert ".." not in told["file"], place
        yield Block(place, fence[1], fence[2], **told)
        end = fence.end()


class Command(NamedTuple):
    """What a reader types, and what is printed below it."""

    line: str
    output: list[str]


def commands(block: Block) -> list[Command]:
    """The commands of a `console` block; one that ends in a backslash goes on."""
    listed: list[Command] = []
    for line in block.text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            listed.append(Command(line[2:], []))
        else:
            assert listed, f"{block.place}: a console begins with a command"
            listed[-1].output.append(line)
    return listed


def acl_lines(**names: str) -> list[list[str]]:
    """The commands that make the users of docs/how-to/secure-redis.md, for what these *names* stand for."""
    page = blocks(ROOT / "docs" / "how-to" / "secure-redis.md")
    lines = "".join(block.text for block in page if block.language == "acl").replace("\\\n", " ")
    for name, value in names.items():
        lines = lines.replace(name, value)
    return [shlex.split(line) for line in lines.splitlines() if line]

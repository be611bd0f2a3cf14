"""The code of the documentation: the blocks of every page, what it says of them, and what it shows against what came.

Readers see ordinary Markdown. What they need not see stands in comments, each on a line of its own above the block:

    <!-- file: src/shop.py -->      the block is this file; one of the repository has to be it to the letter
    <!-- fragment: WHY -->          the block cannot run by itself; a test counts these
    <!-- run: COMMAND -->           something that has to happen first; with `&` at its end it goes on
    <!-- excerpt: src/todo.py -->   the block stands in this file of the repository
    <!-- configures: src/todo.py --> the block is a part of a configuration whose `main` is this file

A line above the block that begins or ends with `` `src/shop.py` `` (then `:` or ` becomes`) says the same as the first
of them to readers, too. `<!-- walked -->` anywhere says that the page is followed from its first line to its last
(`walking.py`); the others are scenes (`scenes.py`).
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
_WALKED = re.compile(r"^<!-- walked -->$", re.MULTILINE)
_PATH = r"`(?=[^`]*[./])([\w./@-]+)`"
_TITLE = re.compile(rf"^(?:{_PATH}[^\n]*|[^\n]*{_PATH}(?::| becomes))\n\n\Z", re.MULTILINE)

NAMES = re.compile(r"\d{13}-\d+|\b[0-9a-f]{16}(?:\.\d+)?\b|\b127\.0\.0\.1:\d+")
"""Of entries, calls, versions and servers: others each time, and then the same for as long as the page lasts."""
_EACH_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?|\b\d\d:\d\d:\d\d\b|(?<=pid=)\d+| +\d+(?:\.\d+)? ms\b|\b\d+\.\d+s\b"
)
"""Times, processes, and how long something took: others each time."""


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


def is_walked(page: Path) -> bool:
    return _WALKED.search(page.read_text(encoding="utf-8")) is not None


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
        if (title := _TITLE.search(before)) and fence[1] != "console":
            told.setdefault("file", title[1] or title[2])
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


def fits(shown: str, said: str) -> bool:
    """Whether *said* is what a page shows, but for what is another each time, and for whatever `…` stands for."""
    pattern = re.escape(_timeless(shown)).replace("…", ".*")
    return re.fullmatch(pattern, _timeless(said), re.DOTALL) is not None


def _timeless(text: str) -> str:
    lines = (_EACH_TIME.sub("?", NAMES.sub("?", line)).rstrip() for line in text.splitlines())
    return "\n".join(lines).rstrip()


class Said:
    """What the names of a page are this time, and with them what it shows against what came."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def this_time(self, line: str) -> str:
        """*line* as it has to be typed now."""
        return NAMES.sub(lambda found: self._names.get(found[0], found[0]), line)

    def compare(self, shown: list[str], said: list[str], place: str) -> None:
        """Hold the lines of a page against those that came, and keep what its names are.

        Raises:
            AssertionError: other lines came, or names that had been others before.
        """
        wanted, came = "\n".join(shown), "\n".join(said)
        assert fits(wanted, came), f"{place} prints\n{came}\ninstead of\n{wanted}"
        both = zip(dict.fromkeys(NAMES.findall(wanted)), dict.fromkeys(NAMES.findall(came)), strict=False)
        for name, real in both:
            known = self._names.setdefault(name, real)
            assert known == real, f"{place}: {name} was {known} before, and is now {real}"


def acl_lines(**names: str) -> list[list[str]]:
    """The commands that make the users of docs/how-to/secure-redis.md, for what these *names* stand for."""
    page = blocks(ROOT / "docs" / "how-to" / "secure-redis.md")
    lines = "".join(block.text for block in page if block.language == "acl").replace("\\\n", " ")
    for name, value in names.items():
        lines = lines.replace(name, value)
    return [shlex.split(line) for line in lines.splitlines() if line]

"""Pages that a reader can follow: their files are written and their commands run, in an empty folder.

A block under a line that ends with a path in backticks (and a colon, or "becomes") is that file. In a `console` block
each `$ ` line is a command and what follows is what it prints; `dev` holds a terminal of its own until the next one is
started. Any other `text` block is what that terminal shows besides.
"""

import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.workers import ROOT

PATIENCE = 30.0
SHOWN_PORT = "8787"


class Block(NamedTuple):
    before: str
    language: str
    text: str


class Command(NamedTuple):
    line: str
    output: list[str]


def blocks(page: str) -> list[Block]:
    found = re.findall(r"([^\n]*)\n\n```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [Block(*block) for block in found]


def commands(block: Block) -> Iterator[Command]:
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, *output = part.splitlines()
        yield Command(line, output)


def plain(line: str) -> str:
    """The line without what differs from run to run; of what the page cut short, only the beginning counts."""
    line = re.sub(r"127\.0\.0\.1:\d+", "HOST", line)
    line = re.sub(r"pid=\d+|code \w{16}|\d\d:\d\d:\d\d|in \d+\.\d+s", "~", line)
    return re.sub(r" +(\d+\.\d+|\d+) ms +", " ~ ", line).partition("…")[0].rstrip()


def says(shown: str, line: str) -> bool:
    return plain(line).startswith(plain(shown)) if shown.endswith("…") else plain(line) == plain(shown)


class Terminal:
    """A shell of its own, and what it has printed so far."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def write(self, text: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(text + "\n")
        self._shell.stdin.flush()

    def run(self, line: str) -> list[str]:
        """Run a command to its end; what it printed."""
        begun, end = len(self.lines), f"ended {len(self.lines)}"
        self.write(f"{line}\necho {end}")
        self.wait_for(lambda: end in self.lines[begun:], line)
        return [line for line in self.lines[begun:] if line != end and not line.startswith("bash: ")]

    def wait_for(self, condition, what: str) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), f"{what}: {self.lines}"

    def wait_for_lines(self, shown: list[str]) -> None:
        """Wait until the terminal has shown these lines in this order."""

        def shows() -> bool:
            printed = iter(list(self.lines))
            return all(any(says(wanted, line) for line in printed) for wanted in shown)

        self.wait_for(shows, "\n".join(shown))

    def close(self) -> None:
        """End what still runs, and close the shell."""
        assert self._shell.stdin
        assert self._shell.stdout
        self.write("kill $(jobs -pr); wait; exit")
        self._shell.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self._shell.stdin.close()
        self._shell.stdout.close()

    def _read(self) -> None:
        assert self._shell.stdout
        for line in self._shell.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()


class Walk:
    """The reader of the page: two terminals and a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ours = ("CALLYARD_", "BROKER_", "PYTEST_")
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
        }
        self.http, self.redis = free_port(), free_port()
        self.second = Terminal(folder, self._environment)
        self.first: Terminal | None = None

    def do(self, block: Block) -> None:
        """Do what the block says: write a file, run commands, or look at the first terminal."""
        file = re.search(r"`([\w./-]+)`(?::| becomes)$", block.before)
        if block.language == "console":
            for command in commands(block):
                self._run(command)
        elif file is not None:
            (self._folder / file[1]).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / file[1]).write_text(block.text)
        else:
            assert block.language == "text", block
            assert self.first
            self.first.wait_for_lines(block.text.splitlines())

    def _run(self, command: Command) -> None:
        line = command.line.replace(SHOWN_PORT, str(self.http)).replace("6379", str(self.redis))
        if line.startswith(("pip ", "python -m venv")):
            check_installed(line)
        elif line.startswith("python -m worker_runtime dev"):
            self.stop()
            self.first = Terminal(self._folder, self._environment)
            self.first.write(f"{line} --http 127.0.0.1:{self.http} &")
            self.first.wait_for_lines(command.output)
        elif line.startswith("redis-server"):
            self.stop()
            self.second.write(line.replace("&", "> /dev/null &"))
        elif line.endswith("&"):
            self._start(line, command.output)
        else:
            self._compare(self._with_url(line), command.output)

    def _start(self, line: str, output: list[str]) -> None:
        begun = len(self.second.lines)
        self.second.write(line)
        self.second.wait_for(lambda: len(self.second.lines) >= begun + len(output), line)
        assert [plain(printed) for printed in self.second.lines[begun:]] == [plain(shown) for shown in output]

    def _with_url(self, line: str) -> str:
        """The line; where it says where the private Redis of `dev` is, that of this run."""
        if self.first is None or not line.startswith("export BROKER_URL"):
            return line
        (url,) = re.findall(r"^embedded.* at (\S+)$", "\n".join(self.first.lines), re.MULTILINE)
        return f"export BROKER_URL={url}"

    def _compare(self, line: str, output: list[str]) -> None:
        # What `curl` shows ends without a line end.
        printed = self.second.run(f"{line} --silent && echo" if line.startswith("curl") else line)
        printed = [text for text in printed if text or not line.startswith("curl")]
        assert [plain(text) for text in printed] == [plain(text) for text in output], line

    def stop(self) -> None:
        """Stop what holds the first terminal."""
        if self.first is not None:
            self.first.close()
        self.first = None

    def close(self) -> None:
        """End all that still runs."""
        self.stop()
        self.second.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def check_installed(line: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for named in re.findall(r"callyard\[([\w,]+)\]", line):
        assert set(named.split(",")) <= extras.keys()

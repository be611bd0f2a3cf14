"""A page of the documentation, followed: a reader with two terminals does line by line what it says.

`dev` holds a terminal of its own, until the next `dev` is started or a hidden `<!-- run: ^C -->` stops it; a `text`
block is what that terminal shows besides. All other commands are typed into the second one, which keeps what is set
in it.
"""

import subprocess
import threading
from pathlib import Path

from tests.support.pages import Command, commands, fits
from tests.support.reading import ELSEWHERE, PATIENCE, Reader

DEV = "python -m worker_runtime dev "
INTERRUPT = "^C"


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
        # What `curl` shows may end without a line end.
        self.write(f"{line}\necho; echo {end}")
        self.wait_for(lambda: end in self.lines[begun:], line)
        return [line for line in self.lines[begun:-1] if not line.startswith("bash: ")]

    def wait_for(self, condition, what: str) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), f"{what}: {self.lines}"

    def wait_for_lines(self, shown: list[str]) -> list[str]:
        """Those that the terminal has shown for these, once it has shown all of them, in their order."""
        found: list[str] = []

        def shows() -> bool:
            printed = iter(list(self.lines))
            found[:] = filter(None, (next((line for line in printed if fits(one, line)), "") for one in shown))
            return len(found) == len(shown)

        self.wait_for(shows, "\n".join(shown))
        return found

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


class Walk(Reader):
    """A page that is followed from its first line to its last."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._second = Terminal(folder, self.environment)
        self._first: Terminal | None = None

    def play(self, page: Path) -> None:
        """Do what the blocks of *page* say, one after the other, and find that it tells the truth."""
        for block in self.open(page):
            if block.language == "run":
                self._run(Command(block.text, []), block.place)
            elif block.language == "console":
                for command in commands(block):
                    self._run(command, f"{block.place}: {command.line}")
            elif block.file:
                self.write(block)
            else:
                assert block.language == "text", f"{block.place}: which file is this?"
                self._look(block.text.splitlines(), block.place)

    def close(self) -> None:
        """End all that still runs."""
        self._interrupt()
        self._second.close()

    def _run(self, command: Command, place: str) -> None:
        line = self.said.this_time(command.line)
        if line == INTERRUPT:
            self._interrupt()
        elif line.startswith(DEV):
            self._interrupt()
            self._first = Terminal(self.folder, self.environment)
            self._first.write(f"{line} --http 127.0.0.1:{self.ports['8787']} &")
            self._look(command.output, place)
        elif line.endswith("&"):
            self._start(line, command.output, place)
        elif not line.startswith(ELSEWHERE):
            quiet = line.replace("curl ", "curl --silent ", 1) if line.startswith("curl ") else line
            self.said.compare(command.output, self._second.run(quiet), place)

    def _start(self, line: str, output: list[str], place: str) -> None:
        begun = len(self._second.lines)
        # A page that shows nothing of what goes on does not want to see it.
        self._second.write(line if output else line.replace("&", "> /dev/null &"))
        self._second.wait_for(lambda: len(self._second.lines) >= begun + len(output), place)
        self.said.compare(output, self._second.lines[begun:], place)

    def _look(self, shown: list[str], place: str) -> None:
        """Wait until the first terminal has shown these lines."""
        assert self._first, f"{place}: no terminal shows this"
        self.said.compare(shown, self._first.wait_for_lines(shown), place)

    def _interrupt(self) -> None:
        """Stop what holds the first terminal."""
        if self._first is not None:
            self._first.close()
        self._first = None

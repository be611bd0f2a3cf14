"""A page of the documentation, played: its files written, its programs run, its commands typed, on one broker."""

import queue
import re
import signal
import subprocess
import threading
import tomllib
from pathlib import Path
from typing import IO

from tests.support.pages import ROOT, Block, Command, commands
from tests.support.programs import Programs, as_program
from tests.support.reading import ELSEWHERE, PATIENCE, Reader

_READY = "ready "


class Scene(Reader):
    """A page that nobody has to follow in its order."""

    def __init__(self, folder: Path, broker_url: str, programs: Programs) -> None:
        super().__init__(folder)
        self.ports["6379"] = broker_url.rpartition(":")[2]
        self.environment["BROKER_URL"] = broker_url
        self._programs = programs
        self._started: list[_Started] = []

    def play(self, page: Path) -> None:
        """Do what the blocks of *page* say, and find that it tells the truth.

        Its files come first and what it starts in the background next, wherever they stand: pages begin with what
        matters to their readers.
        """
        listed = self.open(page)
        for block in listed:
            if block.file:
                self.write(block)
        todo = [each for block in listed if not (block.file or block.fragment) for each in _steps(block)]
        for command, block in todo:
            if command is not None and _comes_first(command, block):
                self._type(command, block)
        for started in self._started:
            self.said.compare(started.shown or ["…"], started.ready(), started.place)
        for command, block in todo:
            if command is None:
                self._try(block)
            elif not _comes_first(command, block):
                self._type(command, block)

    def close(self) -> None:
        """End what goes on, and find that all of it ended well."""
        for started in self._started:
            started.stop()
        codes = [started.ended() for started in self._started]
        assert codes == [0] * len(codes)

    def _try(self, block: Block) -> None:
        if block.excerpt:
            text = _stripped((ROOT / block.excerpt).read_text(encoding="utf-8"))
            assert _stripped(block.text) in text, block.place
        elif block.language == "python":
            self._run(block)
        elif block.language in {"toml", "jsonc"}:
            self._configure(block)

    def _run(self, block: Block) -> None:
        expected = re.findall(r"^(?:.*\bprint\(.*\)  )?# (.*)$", block.text, re.MULTILINE)
        ended = self._programs.run(block.text, block.place, self.folder, self.environment)
        assert ended.code == 0, f"{block.place}: {ended.errors}"
        self.said.compare(expected, ended.output.splitlines(), block.place)

    def _type(self, command: Command, block: Block) -> None:
        # Scenes have their broker's URL in the environment from the beginning.
        if command.line.startswith((*ELSEWHERE, "export ")):
            return
        line = re.sub(r"\bredis-cli\b", f"redis-cli -p {self.ports['6379']}", self.said.this_time(command.line))
        place = f"{block.place}: {line}"
        if line.endswith("&"):
            self._started.append(_Started(Command(line, command.output), place, self.folder, self.environment))
            return
        code, printed = self._ended(line, place)
        assert code == 0, f"{place}: {code}: {printed}"
        if block.language == "console":
            self.said.compare(command.output, printed.splitlines(), place)

    def _ended(self, line: str, place: str) -> tuple[int, str]:
        """The exit code of a command, and what it printed."""
        if source := as_program(line):
            code, output, errors = self._programs.run(source, place, self.folder, self.environment)
            return code, output + errors
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        return done.returncode, done.stdout

    def _configure(self, block: Block) -> None:
        """Have `--check` read a configuration, completed by what its page leaves out."""
        folder = self.folder / f"configuration-{block.place.rpartition(':')[2]}"
        folder.mkdir()
        main = folder / (block.configures or "src/main.py")
        main.parent.mkdir(parents=True, exist_ok=True)
        main.write_text("from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint):\n    pass\n")
        rest = {"name": "page", "main": main.relative_to(folder).as_posix()}
        text = block.text
        if block.language == "toml":
            given = tomllib.loads(text)
            missing = [f'{key} = "{value}"\n' for key, value in rest.items() if key not in given]
            text = "".join(missing) + text
        (folder / f"wrangler.{block.language}").write_text(text, encoding="utf-8")
        self._type(Command(f"python -m worker_runtime {folder.name} --check", []), block)


class _Started:
    """What goes on in the background."""

    def __init__(self, command: Command, place: str, folder: Path, environment: dict[str, str]) -> None:
        self.shown, self.place = command.output, place
        line = command.line.removesuffix("&")
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=folder, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._process.stdout
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_hand_on, args=(self._process.stdout, self._lines), daemon=True).start()

    def ready(self) -> list[str]:
        """What it said until it was ready."""
        said: list[str] = []
        while not (said and said[-1].startswith(_READY)):
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"{self.place} ended with {self._process.wait(PATIENCE)}: {said}"
            said.append(line)
        return said

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        return self._process.wait(PATIENCE)


def _hand_on(pipe: IO[str], lines: "queue.Queue[str | None]") -> None:
    with pipe:
        for line in pipe:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _steps(block: Block) -> list[tuple[Command | None, Block]]:
    """What *block* asks for, one thing after the other."""
    if block.language == "run":
        return [(Command(block.text, []), block)]
    if block.language == "console":
        return [(command, block) for command in commands(block)]
    return [(None, block)]


def _comes_first(command: Command, block: Block) -> bool:
    """Whether this is part of what is there before the page begins."""
    return block.language == "run" or command.line.endswith("&")


def _stripped(text: str) -> str:
    """*text* without indentation."""
    return "\n".join(line.strip() for line in text.splitlines())

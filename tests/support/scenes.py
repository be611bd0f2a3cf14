"""A page of the documentation, played: its files written, its programs run, its commands typed, in the page's order."""

import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import IO

from tests.support.pages import ROOT, Block, Command, commands

ELSEWHERE = ("docker", "export", "kubectl", "make", "pip", "systemctl")
"""Commands for machines that tests do not have, or that would change this one."""

PROGRAM = """\
import ast, asyncio, inspect, sys
source = sys.stdin.read()
code = compile(source, sys.argv[1], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
result = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(result):
    asyncio.run(result)
"""
"""Runs what comes on standard input, as Python's own asyncio console does where it awaits outside of functions."""

PATIENCE = 30
IDS = (r"\d{13}-\d+", r"[0-9a-z]{20,}\.\d+@")
"""Of entries and calls. A page shows some; in the commands below them they stand for those that came this time."""
OTHER_EACH_TIME = (*IDS, r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?", r"(?<=pid=)\d+", r"\b[0-9a-f]{16}\b")
"""What a page shows as it once was: these, and times, processes, digests."""

_PORT = re.compile(r"(?<=127\.0\.0\.1:|localhost:)\d{4,5}\b")
_READY = ("ready ", "gateway ", "Uvicorn ")


class Scene:
    """One page: a folder, a shell in it, and what it started."""

    def __init__(self, folder: Path, broker_url: str) -> None:
        self.folder = folder
        self._broker_url = broker_url
        self._ports = {"6379": broker_url.rpartition(":")[2]}
        self._started: list[_Started] = []
        self._ids: dict[str, str] = {}
        own = {name: value for name, value in os.environ.items() if not name.startswith(("CALLYARD_", "BROKER_"))}
        self._environment = {
            **own,
            "BROKER_URL": broker_url,
            "PATH": f"{Path(sys.executable).parent}:{own['PATH']}",
            "PYTHONPATH": f"{ROOT}",
            "PYTHONUNBUFFERED": "1",
        }
        leftovers = shutil.ignore_patterns(".callyard", "__pycache__")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=leftovers)

    def own_ports(self, text: str) -> str:
        """*text* with a free port wherever it names one of this machine, the broker's for Redis's own."""
        return _PORT.sub(lambda found: self._ports.setdefault(found[0], _free_port()), text)

    def play(self, page: list[Block]) -> None:
        """Do what the blocks of *page* say, and find that the page tells the truth.

        Its files come first and what it starts in the background next, wherever they stand: pages begin with what
        matters to their readers.
        """
        for block in page:
            if block.file:
                self._write(block)
        todo = [each for block in page if not (block.file or block.fragment) for each in _steps(block)]
        for command, block in sorted(todo, key=lambda step: not _goes_on(*step)):
            if command is not None:
                self._type(command, block)
            elif block.excerpt:
                assert _stripped(block.text) in _stripped((ROOT / block.excerpt).read_text(encoding="utf-8")), (
                    block.place
                )
            elif block.language == "python":
                self._run(block)
            elif block.language in {"toml", "jsonc"}:
                self._configure(block)

    def close(self) -> None:
        """End what goes on, and find that all of it ended well."""
        codes = [started.end() for started in self._started]
        assert codes == [0] * len(codes)

    def _write(self, block: Block) -> None:
        if (ROOT / block.file).exists():
            assert (ROOT / block.file).read_text(encoding="utf-8") == block.text, f"{block.place} is not {block.file}"
            return
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def _run(self, block: Block) -> None:
        expected = re.findall(r"^(?:.*\bprint\(.*\)  )?# (.*)$", block.text, re.MULTILINE)
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, block.place], input=block.text, cwd=self.folder, env=self._environment,
            capture_output=True, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"{block.place}: {done.stderr}"
        self._compare(expected, done.stdout.splitlines(), block.place)

    def _type(self, command: Command, block: Block) -> None:
        line = command.line
        if line.split()[0] in ELSEWHERE:
            return
        for shown, real in self._ids.items():
            line = line.replace(shown, real)
        line = re.sub(r"\bredis-cli\b", f"redis-cli -p {self._ports['6379']}", line)
        place = f"{block.place}: {line}"
        if line.endswith("&"):
            started = _Started(line.removesuffix("&"), self.folder, self._environment)
            self._started.append(started)
            self._compare(command.output or ["…"], started.said, place)
            return
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=self._environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"{place}: {done.returncode}: {done.stdout}"
        if block.language == "console":
            self._compare(command.output, done.stdout.splitlines(), place)

    def _compare(self, expected: list[str], said: list[str], place: str) -> None:
        """Hold what the page shows against what came, `…` being whatever came in its place."""
        shown, real = "\n".join(line.rstrip() for line in expected), "\n".join(line.rstrip() for line in said)
        pattern = re.escape(_timeless(shown)).replace("…", ".*")
        assert re.fullmatch(pattern, _timeless(real), re.DOTALL), f"{place} prints\n{real}\ninstead of\n{shown}"
        for kind in IDS:
            pairs = zip(dict.fromkeys(re.findall(kind, shown)), dict.fromkeys(re.findall(kind, real)), strict=False)
            self._ids.update(pairs)

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
    """What goes on in the background, from when it is ready."""

    def __init__(self, line: str, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=folder, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self._process.stdout
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=_hand_on, args=(self._process.stdout, lines), daemon=True).start()
        self.said: list[str] = []
        while not (self.said and self.said[-1].startswith(_READY)):
            said = lines.get(timeout=PATIENCE)
            assert said is not None, f"{line} ended: {self.said}"
            self.said.append(said)

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
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


def _goes_on(command: Command | None, block: Block) -> bool:
    """Whether this is part of what is there before the page begins."""
    return block.language == "run" or (command is not None and command.line.endswith("&"))


def _stripped(text: str) -> str:
    """*text* without indentation."""
    return "\n".join(line.strip() for line in text.splitlines())


def _timeless(text: str) -> str:
    """*text* without what is another each time."""
    for pattern in OTHER_EACH_TIME:
        text = re.sub(pattern, "?", text)
    return text


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])

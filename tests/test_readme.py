"""The README's code blocks run.

A `python` block under a line that begins with a path is that file; any other is a program whose `print` lines say in a
comment what they print. In a `console` block each `$ ` line is a command, and what follows it is what it prints.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from broker.embedded import EmbeddedBroker

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


class Block(NamedTuple):
    language: str
    path: str
    text: str


class Command(NamedTuple):
    words: list[str]
    output: list[str]


def blocks(language: str) -> list[Block]:
    found = re.findall(r"^([^\n]*)\n\n```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    titled = [(re.match(r"`([\w/.]+\.py)`", title), kind, text) for title, kind, text in found]
    return [Block(kind, title[1] if title else "", text) for title, kind, text in titled if kind == language]


def commands() -> list[Command]:
    listed: list[Command] = []
    for line in "".join(block.text for block in blocks("console")).splitlines():
        if line.startswith("$ "):
            listed.append(Command(shlex.split(line[2:]), []))
        else:
            listed[-1].output.append(line)
    return listed


FILES = [block for block in blocks("python") if block.path]
PROGRAMS = [block for block in blocks("python") if not block.path]
MAKE = [command.words for command in commands() if command.words[0] == "make"]
DOCKER = [command.words for command in commands() if command.words[0] == "docker"]
SHELL = [command for command in commands() if command.words[0] == "python"]


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """The variables of a shell beside a broker of its own."""
    with EmbeddedBroker() as broker:
        yield os.environ | {"BROKER_URL": broker.url}


@pytest.fixture(scope="module", autouse=True)
def background(environment) -> Iterator[None]:
    """What the README starts with `&`."""
    with ExitStack() as stack:
        started = [stack.enter_context(start(c.words[1:-1], environment)) for c in SHELL if c.words[-1] == "&"]
        yield
        for process in started:
            process.terminate()
    assert [process.returncode for process in started] == [0] * len(started)


def start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert any(line.startswith("ready") for line in process.stdout)
    return process


def run(arguments: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_every_block_is_of_a_kind_that_is_tested():
    kinds = set(re.findall(r"^```(\w+)$", README, re.MULTILINE))
    first_words = {command.words[0] for command in commands()}

    assert README.count("\n```") == 2 * (len(blocks("python")) + len(blocks("console")))
    assert kinds == {"python", "console"}
    assert first_words == {"make", "export", "python", "docker"}


@pytest.mark.parametrize("block", FILES, ids=lambda block: block.path)
def test_file_stands_in_the_readme_as_it_is(block):
    assert (ROOT / block.path).read_text() == block.text


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: re.findall(r"services.(\w+\.\w+)", block.text)[0])
def test_program_prints_what_its_comments_say(block, environment):
    expected = re.findall(r"print\(.*\)  # (.*)$", block.text, re.MULTILINE)

    assert expected
    assert run(["-c", block.text], environment) == expected


@pytest.mark.parametrize("command", [c for c in SHELL if c.words[-1] != "&"], ids=lambda c: " ".join(c.words[2:]))
def test_command_prints_what_stands_below_it(command, environment):
    assert run(command.words[1:], environment) == command.output


@pytest.mark.parametrize("words", MAKE, ids=" ".join)
def test_make_target_exists(words):
    targets = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))

    assert set(words[1:]) <= targets


@pytest.mark.parametrize("words", DOCKER, ids=" ".join)
def test_compose_command_scales_a_service_of_the_file(words):
    service = words[words.index("--scale") + 1].partition("=")[0]

    assert words[:3] == ["docker", "compose", "up"]
    assert service in yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_links_lead_to_files():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []


def test_readme_is_short():
    assert len(README.splitlines()) <= 150

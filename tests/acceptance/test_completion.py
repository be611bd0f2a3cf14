"""Completion in real shells at a real terminal: what appears when the key is pressed."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.terminals import Terminal
from tests.support.workers import ROOT, workers_on

pytestmark = pytest.mark.redis

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ["source <(python -m client completion bash)"]),
    "zsh": (
        ["zsh", "-f", "-i"],
        ["autoload -U compinit; compinit -u -D; unsetopt beep", "source <(python -m client completion zsh)"],
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        ["python -m client completion fish | source"],
    ),
}
HERE = [shell for shell in SHELLS if shell != "fish" or shutil.which("fish")]
"""CI has the others, or obtains them."""


@pytest.fixture(scope="module")
def environment(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Where the shells run: beside one worker of the service `shop`."""
    prefix = f"test-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp("home")
    with workers_on(redis_server, prefix) as workers:
        workers.serve(ROOT / "examples" / "shop")
        yield {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(home), "TERM": "xterm",
            "BROKER_URL": redis_server, "CALLYARD_PREFIX": prefix,
            "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "COLUMNS": "200", "LINES": "50",
        }  # fmt: skip


@pytest.fixture(params=HERE)
def terminal(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Terminal]:
    command, preparations = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        assert os.environ.get("CI") != "true", f"CI never skips, and has no {request.param}"
        pytest.skip(f"there is no {request.param} here")
    with Terminal(command, cwd=ROOT, environment=environment) as terminal:
        for line in preparations:
            run(terminal, line)
        yield terminal


def run(terminal: Terminal, line: str) -> None:
    """Run *line*, in place of what was typed so far, until it has ended."""
    # Control-U empties the line; and what is shown at the end is not what was typed.
    terminal.press(f'\x15{line}; echo en""ded\r')
    terminal.wait_for("ended")


def test_a_shell_completes_commands_services_methods_and_arguments(terminal):
    for typed, completed in [
        ("python -m client des", "describe"),
        ("python -m client describe sh", "describe shop"),
        ("python -m client call sh", r"call shop\."),
        ("python -m client call shop.arti", r"shop\.articles"),
        ("python -m client call shop#", r"shop#Stock\.count"),
        ("python -m client call shop.articles mo", "most="),
        ("python -m client call shop.articles size=la", "size=large"),
        ("python -m client types --ch", "--check"),
    ]:
        terminal.press(f"{typed}\t")
        terminal.wait_for(completed)
        run(terminal, "true")

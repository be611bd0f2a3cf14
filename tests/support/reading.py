"""What everybody who tries a page has: a folder, ports, and the environment of a shell."""

import os
import re
import shutil
import socket
import sys
from importlib.metadata import entry_points
from pathlib import Path

from tests.support.pages import ROOT, Block, Said, blocks

PATIENCE = 30.0
"""Seconds after which what was waited for is taken never to come."""
ELSEWHERE = ("docker ", "kubectl ", "make ", "pip ", "python -m venv ", "systemctl ")
"""How commands begin that are for machines that tests do not have, or would change this one."""

NO_PLUGINS = [
    word
    for plugin in entry_points(group="pytest11")
    if plugin.name not in {"anyio", "callyard"}
    for word in ("-p", f"no:{plugin.name}")
]
"""Has pytest do without what users need not have. It takes longer to load than their tests to run."""

_PORT = re.compile(r"(?:(?<=127\.0\.0\.1:|localhost:)|(?<=--port ))\d{4,5}\b")


class Reader:
    """Somebody with a page and an empty folder, but for the examples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said = Said()
        self.ports: dict[str, str] = {}
        """What the ports that a page names are this time."""
        ours = ("CALLYARD_", "BROKER_", "PYTEST_")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
            "PYTEST_ADDOPTS": " ".join(NO_PLUGINS),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}",
            "PYTHONUNBUFFERED": "1",
        }
        leftovers = shutil.ignore_patterns(".callyard", "__pycache__")
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=leftovers)

    def open(self, page: Path) -> list[Block]:
        """The blocks of *page*, with a free port wherever they name one of this machine."""
        text = page.read_text(encoding="utf-8")
        return list(blocks(page, _PORT.sub(lambda found: self.ports.setdefault(found[0], _free_port()), text)))

    def write(self, block: Block) -> None:
        """Write the file that *block* is, or find that the repository has it."""
        path = self.folder / block.file
        if block.file.startswith("examples/"):
            assert path.read_text(encoding="utf-8") == block.text, f"{block.place} is not {block.file}"
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])

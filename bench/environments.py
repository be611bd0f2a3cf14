"""An environment of its own for each system, under `.bench/`. Standard library only: nothing is there yet."""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from bench.systems import BY_NAME, SYSTEMS, System

ROOT: Final = Path(__file__).resolve().parent.parent
HOME: Final = ROOT / ".bench"
HARNESS: Final = (".[bench,fast]",)
"""What the harness itself runs on."""


def bin_of(name: str) -> Path:
    """The folder of the programs of one environment."""
    return HOME / name / "bin"


def filled(command: tuple[str, ...], name: str, **values: str) -> list[str]:
    """*command* of the system *name* with its blanks filled in."""
    places = {"bin": str(bin_of(name)), "home": str(HOME / name), **values}
    return [part.format(**places) for part in command]


def versions(name: str) -> dict[str, str]:
    """The installed distributions of one environment."""
    command = [str(bin_of(name) / "python"), "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {item["name"].lower(): item["version"] for item in json.loads(listed)}


def is_made(system: System) -> bool:
    """Whether the environment of *system* is there."""
    return (HOME / system.name / "made").exists()


def make(name: str, requires: tuple[str, ...], prepare: tuple[str, ...] = ()) -> None:
    """Make one environment, unless one for the same requirements is there."""
    home = HOME / name
    wanted = _digest(requires, prepare)
    if (home / "made").exists() and (home / "made").read_text() == wanted:
        return
    if home.is_symlink() or HOME.is_symlink():
        # Making an environment begins with emptying its folder, and this folder belongs to somebody else.
        sys.exit(f".bench/{name} is reached through a link: remove the link, or make the environment where it leads")
    print(f"making .bench/{name}", flush=True)
    venv.create(home, with_pip=True, clear=True)
    (home / "generated").mkdir()
    pip = [str(bin_of(name) / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for requirement in requires:
        pip += ["--editable", requirement] if requirement.startswith(".") else [requirement]
    subprocess.run(pip, cwd=ROOT, check=True)
    if prepare:
        subprocess.run(filled(prepare, name), cwd=ROOT, check=True)
    (home / "made").write_text(wanted)


def _digest(requires: tuple[str, ...], prepare: tuple[str, ...]) -> str:
    ours = (ROOT / "pyproject.toml").read_text() if any(name.startswith(".") for name in requires) else ""
    return hashlib.sha256(repr((sys.version, requires, prepare, ours)).encode()).hexdigest()


def main() -> int:
    """Make what is missing; a system that cannot be installed is left out, and said so."""
    parser = argparse.ArgumentParser(prog="python -m bench.environments", description=__doc__)
    parser.add_argument("systems", nargs="*", metavar="SYSTEM", help=f"of {', '.join(BY_NAME)} (default: all)")
    chosen = parser.parse_args().systems or list(BY_NAME)
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n")
    make("harness", HARNESS)
    missing: list[str] = []
    for system in SYSTEMS:
        if system.name in chosen:
            try:
                make(system.name, system.requires, system.prepare)
            except subprocess.CalledProcessError:
                missing.append(system.name)
    if missing:
        print(f"could not be installed, and will be left out: {', '.join(missing)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Looking through a directory of assets before anything is served from it. Blocking."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from worker_runtime.assets.directory import LARGEST_FILE, MOST_FILES
from worker_runtime.assets.paths import is_withheld

_MOST_TOLD = 5


@dataclass(slots=True)
class Survey:
    """What was found.

    Attributes:
        problems: What has to be changed before the directory can be served, and how.
        links_out: Links that lead out of the directory, some of them if there are many.
    """

    problems: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    links_out: list[str] = field(default_factory=list[str])


def survey(root: Path, is_ignored: Callable[[str], bool], main: Path | None) -> Survey:
    """Look for what cannot be served in *root*: too many files, too large ones, the file *main* of the service.

    Raises:
        OSError: A folder in it cannot be read.
    """
    found, count, large = Survey(), 0, 0
    for place, entry in _files(root, is_ignored):
        if entry.is_symlink():
            if len(found.links_out) < _MOST_TOLD and not Path(os.path.realpath(entry.path)).is_relative_to(root):
                found.links_out.append(place)
            continue
        count += 1
        if (size := entry.stat().st_size) > LARGEST_FILE and (large := large + 1) <= _MOST_TOLD:
            problem = f"{place} has {size / (1 << 20):.1f} MiB; an asset has at most {LARGEST_FILE >> 20} MiB."
            found.problems.append((problem, "Make it smaller, or list it in .assetsignore."))
        if main is not None and Path(entry.path) == main:
            fix = "Give the assets a directory of their own, or list it in .assetsignore."
            found.problems.append((f"{place} is the main of the service, and everybody could read it.", fix))
        if count > MOST_FILES:
            found.problems.append((f"it holds more than {MOST_FILES} files.", "List some of them in .assetsignore."))
            break
    return found


def rule_file(directory: Path, name: str) -> str:
    """The text of a file of rules; empty where there is none.

    Raises:
        OSError: It cannot be read.
    """
    try:
        return (directory / name).read_bytes().decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return ""


def _files(root: Path, is_ignored: Callable[[str], bool]) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file and link that is an asset, with its path below *root*; links are not followed."""
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                place = folder + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if is_withheld(tuple(place.split("/"))) or is_ignored(f"{place}/" if is_folder else place):
                    continue
                if is_folder:
                    folders.append(f"{place}/")
                elif entry.is_symlink() or entry.is_file():
                    yield place, entry

"""Which code a service runs: a digest of its files, and the version of its distribution."""

from __future__ import annotations

import hashlib
import sys
from importlib import metadata
from pathlib import Path


def digest_of(folder: Path) -> str:
    """A digest of the modules under *folder* that are imported now; the same on every machine with the same code."""
    files = {Path(found).resolve() for module in list(sys.modules.values()) if (found := _file_of(module))}
    digest = hashlib.sha256()
    for file in sorted(file for file in files if _belongs(file, folder)):
        try:
            content = file.read_bytes()
        except OSError:
            # Out of an archive, or gone since: its name still counts.
            content = b""
        for part in (file.relative_to(folder).as_posix().encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def version_of(module: str) -> str:
    """The version of the distribution that is called as the package of *module*; empty where there is none."""
    try:
        return metadata.version(module.partition(".")[0])
    except (metadata.PackageNotFoundError, ValueError):
        return ""


def _file_of(module: object) -> str | None:
    found = getattr(module, "__file__", None)
    return found if isinstance(found, str) and found.endswith(".py") else None


def _belongs(file: Path, folder: Path) -> bool:
    # An environment inside the folder holds what others wrote.
    return file.is_relative_to(folder) and "site-packages" not in file.relative_to(folder).parts

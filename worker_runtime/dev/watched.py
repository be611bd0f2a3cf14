"""Which folders are watched, and which of the files in them matter."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from pathlib import Path
from typing import Final

from broker.errors import ConfigurationError
from worker_runtime.config import load
from worker_runtime.config.reading import FILE_NAMES

_GENERATED: Final = frozenset(
    {"__pycache__", "node_modules", "site-packages", "venv", ".venv", ".git", ".hg", ".callyard", ".wrangler"}
)
_RULES: Final = frozenset({"_headers", "_redirects", ".assetsignore"})
"""What is read of assets at the start; the others are served as they are."""
_STEP_MS: Final = 30
"""How long there must be no further change: editors write a file in several steps."""
_LONGEST_MS: Final = 300
TURN_MS: Final = 50


def matters(path: Path, watched: Sequence[Path], configurations: Collection[Path]) -> bool:
    """Whether a service has to be started anew when *path* changes.

    Args:
        path: What has changed.
        watched: The folders that are watched.
        configurations: Configuration files that were named on the command line.
    """
    inside = next((path.relative_to(folder) for folder in watched if path.is_relative_to(folder)), path)
    if not _GENERATED.isdisjoint(inside.parts):
        return False
    name = path.name
    read_at_the_start = path.suffix in (".py", ".sql") or name in FILE_NAMES or name in _RULES
    return read_at_the_start or name.startswith(".dev.vars") or path in configurations


def configurations(targets: Sequence[str]) -> list[Path]:
    """The configuration files among *targets*."""
    return [path.resolve() for target in targets if (path := Path(target)).is_file()]


def folders(targets: Sequence[str], environment: str | None) -> list[Path]:
    """The folders to watch: those of the configurations, modules and assets, or this one for a `module:Class`."""
    found: list[Path] = []
    for target in targets:
        path = Path(target)
        if not path.exists():
            found.append(Path.cwd())
            continue
        found.append(path.resolve() if path.is_dir() else path.resolve().parent)
        try:
            config = load(path, environment=environment, process_environment={})
        except ConfigurationError:
            # Whoever loads it to serve it says what is wrong; its folder is watched for the cure.
            continue
        found += [] if config.main is None else [config.main.parent]
        found += [] if config.assets is None else [config.assets.directory]
    distinct = list(dict.fromkeys(found))
    return [one for one in distinct if not any(one != other and one.is_relative_to(other) for other in distinct)]


def changes(paths: Sequence[Path], named: Collection[Path]) -> Generator[list[Path]]:
    """Yield, some twenty times a second, the files that matter and have changed since the last time; mostly none.

    Raises:
        ConfigurationError: The library that watches files is not installed.
    """
    try:
        from watchfiles import watch
    except ImportError as error:
        raise ConfigurationError(
            "dev and --reload need the library watchfiles: pip install 'callyard[reload]'."
        ) from error
    found = watch(
        *paths,
        watch_filter=lambda _, path: matters(Path(path), paths, named),
        debounce=_LONGEST_MS,
        step=_STEP_MS,
        rust_timeout=TURN_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    for changed in found:
        yield sorted({Path(path) for _, path in changed})

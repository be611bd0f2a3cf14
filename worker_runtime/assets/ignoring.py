"""The file `.assetsignore`: what of the directory is no asset, in the notation of `.gitignore`."""

from __future__ import annotations

from collections.abc import Callable

from broker.errors import ConfigurationError


def ignoring(text: str) -> Callable[[str], bool]:
    """Return a function that says whether the file at a path, or a folder with a slash behind it, is ignored.

    Raises:
        ConfigurationError: A line is no pattern, or the package that reads them is not installed.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return _nothing
    try:
        from pathspec import GitIgnoreSpec
    except ImportError:
        raise ConfigurationError(
            "reading it needs the package pathspec.", fix="Run: pip install 'callyard[assets]'."
        ) from None
    try:
        return GitIgnoreSpec.from_lines(lines).match_file
    except ValueError as error:
        raise ConfigurationError(f"{error}.", fix="Write patterns as in a .gitignore.") from error


def _nothing(_path: str) -> bool:
    return False

"""Paths of assets: from the path of a URL to the one below the directory, and back. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

RULE_FILES: Final = frozenset({"_headers", "_redirects", ".assetsignore"})
"""Files at the top of the directory that say how it is served, and are never served themselves."""

_UNRESERVED: Final = "-_.!~*'()"
_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASHES: Final = re.compile(r"/+")
_PRIVATE: Final = re.compile(r"\.dev\.vars(\..*)?|\.callyard|wrangler\.(toml|jsonc|json)", re.IGNORECASE | re.DOTALL)


def host_and_path(url: str) -> tuple[str, str, str]:
    """The host, the path as it was written, and the query with its question mark, of an absolute URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.path or "/", f"?{parts.query}" if parts.query else ""


def decode(path: str) -> str:
    """The path with each segment decoded and repeated slashes made one; what is no percent encoding of UTF-8 stays."""
    return _SLASHES.sub("/", "/".join(_decoded(segment) for segment in path.split("/")))


def encode(path: str) -> str:
    """The one way in which a decoded path is written in a URL."""
    return quote(path, safe="/" + _UNRESERVED)


def segments(path: str) -> tuple[str, ...] | None:
    """The names on the way to the file of a decoded path; None where no file can have such a path."""
    if not path.startswith("/"):
        return None
    names = tuple(path[1:].split("/"))
    return None if any(name in ("", ".", "..") or "\0" in name for name in names) else names


def is_withheld(names: tuple[str, ...]) -> bool:
    """Whether a file is never served, whatever else is configured: rules, secrets, state, configurations.

    Upper and lower case count as the same, since some file systems take them for the same.
    """
    if len(names) == 1 and names[0].casefold() in RULE_FILES:
        return True
    return any(_PRIVATE.fullmatch(name) for name in names)


def _decoded(segment: str) -> str:
    if _BROKEN.search(segment):
        return segment
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return segment

"""The content type of a file, by its ending; the same on every machine."""

from __future__ import annotations

import mimetypes
from pathlib import PurePosixPath
from typing import Final

# An instance of its own knows the types that come with Python, and none that the machine adds.
_KNOWN: Final = mimetypes.MimeTypes()
_OWN: Final = {
    ".avif": "image/avif",
    ".br": "application/brotli",
    ".bz2": "application/x-bzip2",
    ".flac": "audio/x-flac",
    ".gz": "application/gzip",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".jsonld": "application/ld+json",
    ".m4a": "audio/mp4",
    ".map": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".otf": "font/otf",
    ".rss": "application/rss+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xhtml": "application/xhtml+xml",
    ".xml": "text/xml",
    ".xz": "application/x-xz",
    ".yaml": "text/yaml",
    ".yml": "text/yaml",
    ".zst": "application/zstd",
}


def content_type(path: str) -> str | None:
    """The content type of the file at *path*, or None where its ending says nothing."""
    ending = PurePosixPath(path).suffix.lower()
    strict, common = _KNOWN.types_map[True], _KNOWN.types_map[False]
    found = _OWN.get(ending) or strict.get(ending) or common.get(ending)
    return f"{found}; charset=utf-8" if found and found.startswith("text/") else found

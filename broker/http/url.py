"""The one spelling of a URL."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_IGNORED: Final = re.compile(r"[\t\r\n]")
_KEPT: Final = "!$%&'()*+,-./:;=?@[\\]^_`|~"


def normalised(url: str) -> str:
    """The absolute URL: scheme and host in lower case, no default port, a path, nothing left to escape.

    Raises:
        ValueError: It is not an absolute URL with a host.
    """
    text = _IGNORED.sub("", url.strip(" \t\r\n\f"))
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode() if parts.hostname else "", parts.port
    except ValueError as error:
        raise ValueError(f"Invalid URL: {url!r:.200}") from error
    if not parts.scheme or not host or re.search(r"[\s\0%/\\]", host):
        hint = ". It lacks scheme and host, as in 'https://any.host/path'" if text.startswith("/") else ""
        raise ValueError(f"Invalid URL: {url!r:.200}{hint}")
    origin = f"{parts.scheme}://{_authority(parts.netloc, host)}{_port(parts.scheme, port)}"
    query = f"?{_escape(parts.query)}" if parts.query else ""
    fragment = f"#{_escape(parts.fragment)}" if parts.fragment else ""
    return f"{origin}{_path(_escape(parts.path))}{query}{fragment}"


def _path(path: str) -> str:
    """*path* without `.` and `..`, which never lead above the root, however they are spelled."""
    kept: list[str] = []
    segments = path.replace("\\", "/").removeprefix("/").split("/")
    for segment in segments:
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        elif plain != ".":
            kept.append(segment)
    if segments[-1].lower().replace("%2e", ".") in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _authority(netloc: str, host: str) -> str:
    user, at, _ = netloc.rpartition("@")
    return f"{_escape(user)}{at}{f'[{host}]' if ':' in host else host}"


def _port(scheme: str, port: int | None) -> str:
    return "" if port is None or port == _DEFAULT_PORTS.get(scheme) else f":{port}"


def _escape(text: str) -> str:
    return quote(text, safe=_KEPT, errors="replace")

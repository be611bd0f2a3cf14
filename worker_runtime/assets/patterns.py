"""The patterns of `_headers` and `_redirects`: `*` is a splat, `:name` one segment. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

LONGEST_LINE: Final = 2000
"""Characters of a line in a file of rules."""

_ABSOLUTE: Final = re.compile(r"https://+([^/]+)/?(.*)", re.DOTALL)
_MARK: Final = re.compile(r"\*|:[A-Za-z]\w*", re.ASCII)
_PLACEHOLDER: Final = re.compile(r":([A-Za-z]\w*)", re.ASCII)


class Pattern:
    """What a rule is for: paths, or hosts and paths where it begins with `https://`.

    Raises:
        ValueError: Two placeholders have one name, or there are two splats.
    """

    __slots__ = ("_compiled", "_with_host", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._with_host = text.startswith("https://")
        try:
            self._compiled = re.compile(_expression(text, with_host=self._with_host), re.DOTALL)
        except re.error:
            raise ValueError(f"a pattern has one splat at most and no placeholder twice, but got {text!r}") from None

    def match(self, host: str, path: str) -> Mapping[str, str] | None:
        """What the splat and the placeholders stand for, or None where the pattern does not fit."""
        found = self._compiled.fullmatch(f"https://{host}{path}" if self._with_host else path)
        return found and found.groupdict()


def is_plain(text: str) -> bool:
    """Whether a pattern has neither splat nor placeholder."""
    return _MARK.search(text) is None


def fill(text: str, captured: Mapping[str, str]) -> str:
    """*text* with its placeholders replaced; those that nothing was captured for stay."""
    return _PLACEHOLDER.sub(lambda found: captured.get(found[1], found[0]), text)


def absolute(token: str) -> tuple[str, str] | None:
    """Host and path of an address that begins with `https://`, or None for any other."""
    found = _ABSOLUTE.fullmatch(token)
    return (found[1], f"/{found[2]}") if found else None


def _expression(text: str, *, with_host: bool) -> str:
    host_ends = text.find("/", len("https://")) if with_host else 0
    host_ends = len(text) if host_ends < 0 else host_ends
    written, at = list[str](), 0
    for mark in _MARK.finditer(text):
        segment = "[^/.]+" if mark.start() < host_ends else "[^/]+"
        named = "(?P<splat>.*)" if mark[0] == "*" else f"(?P<{mark[0][1:]}>{segment})"
        written += [re.escape(text[at : mark.start()]), named]
        at = mark.end()
    return "".join([*written, re.escape(text[at:])])

"""The patterns of `_headers` and `_redirects`: `*` is a splat, `:name` one segment. Pure."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

LONGEST_LINE: Final = 2000
"""Characters of a line in a file of rules."""

_ABSOLUTE: Final = re.compile(r"https://+([^/]+)/?(.*)", re.DOTALL)
_MARK: Final = re.compile(r"\*|:[A-Za-z]\w*", re.ASCII)
_PLACEHOLDER: Final = re.compile(r":([A-Za-z]\w*)", re.ASCII)


class Pattern:
    """What a rule is for: paths, or hosts and paths where it begins with `https://`.

    It fits as a regular expression would whose splat is `.*` and whose placeholders are `[^/]+`, the first mark taking
    as much as it can. No path takes longer than its length asks for: anybody may send one.

    Raises:
        ValueError: Two placeholders have one name, or there are two splats.
    """

    __slots__ = ("_marks", "_plain", "_with_host", "text")

    def __init__(self, text: str) -> None:
        self.text: Final = text
        self._with_host = text.startswith("https://")
        self._plain, self._marks = _parts(text, with_host=self._with_host)
        if len({mark.name for mark in self._marks}) < len(self._marks):
            raise ValueError(f"a pattern has one splat at most and no placeholder twice, but got {text!r}")

    def match(self, host: str, path: str) -> Mapping[str, str] | None:
        """What the splat and the placeholders stand for, or None where the pattern does not fit."""
        text = f"https://{host}{path}" if self._with_host else path
        first, *others = self._plain
        if not text.startswith(first) or not text.endswith(self._plain[-1]):
            return None
        if not self._marks:
            return {} if text == first else None
        at, captured = len(first), dict[str, str]()
        for mark, plain, ends in zip(self._marks, others, self._ends(text), strict=True):
            last = bisect_right(ends, mark.stop(text, at)) - 1
            if last < 0 or ends[last] < at + mark.least:
                return None
            captured[mark.name] = text[at : ends[last]]
            at = ends[last] + len(plain)
        return captured

    def _ends(self, text: str) -> list[list[int]]:
        """For each mark where it may end so that all behind it fits, in rising order."""
        behind = [[len(text) - len(self._plain[-1])]]
        for mark, plain in zip(self._marks[:0:-1], self._plain[-2:0:-1], strict=True):
            behind.append([at for at in _found(plain, text) if mark.reaches(text, at + len(plain), behind[-1])])
        return behind[::-1]


class _Mark(NamedTuple):
    """A splat or a placeholder: its name, the characters that end it, and how many it has at least."""

    name: str
    stops: str
    least: int

    def stop(self, text: str, at: int, before: int | None = None) -> int:
        """Where it ends at the latest that begins at *at*."""
        end = len(text) if before is None else before
        for character in self.stops:
            found = text.find(character, at, end)
            end = end if found < 0 else found
        return end

    def reaches(self, text: str, at: int, ends: Sequence[int]) -> bool:
        """Whether it can go from *at* to one of *ends*."""
        nearest = bisect_left(ends, at + self.least)
        return nearest < len(ends) and self.stop(text, at, ends[nearest]) == ends[nearest]


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


def _parts(text: str, *, with_host: bool) -> tuple[list[str], list[_Mark]]:
    """What stands before, between and behind the marks of a pattern, and the marks."""
    host_ends = text.find("/", len("https://")) if with_host else 0
    host_ends = len(text) if host_ends < 0 else host_ends
    plain, marks, at = list[str](), list[_Mark](), 0
    for mark in _MARK.finditer(text):
        stops = "/." if mark.start() < host_ends else "/"
        marks.append(_Mark("splat", "", 0) if mark[0] == "*" else _Mark(mark[0][1:], stops, 1))
        plain.append(text[at : mark.start()])
        at = mark.end()
    return [*plain, text[at:]], marks


def _found(plain: str, text: str) -> Iterator[int]:
    """Every place of *plain* in *text*."""
    at = text.find(plain)
    while at >= 0:
        yield at
        at = text.find(plain, at + 1)

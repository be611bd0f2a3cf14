"""The file `_headers`: which headers are added to the answers for which paths. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from broker.http import Headers
from broker.http.url import normalised
from worker_runtime.assets.patterns import LONGEST_LINE, Pattern, absolute, fill

MOST_RULES: Final = 100

_HERE: Final = "https://h"
_BEGINS_RULE: Final = re.compile(r"/|\S+://")
_WITH_PORT: Final = re.compile(r".*:\d+")


@dataclass(slots=True)
class HeaderRule:
    """Headers for what fits a pattern: those that are set, and those that are taken away."""

    pattern: Pattern
    set: dict[str, str] = field(default_factory=dict[str, str])
    unset: list[str] = field(default_factory=list[str])


HeaderRules = tuple[HeaderRule, ...]


def apply(rules: HeaderRules, headers: Headers, host: str, path: str) -> None:
    """Change *headers* as every rule that fits says, in order.

    A header that a rule sets replaces the one that was there; several rules that set the same one add up.
    """
    added = set[str]()
    for rule in rules:
        if (captured := rule.pattern.match(host, path)) is None:
            continue
        for name in rule.unset:
            headers.pop(name, None)
        for name, value in rule.set.items():
            if name in added:
                headers.append(name, fill(value, captured))
            else:
                headers[name] = fill(value, captured)
                added.add(name)


def parse_headers(text: str) -> tuple[HeaderRules, list[str]]:
    """Return the rules of a file, and why others of its lines were left out."""
    rules, left_out = list[tuple[int, HeaderRule]](), list[str]()
    orphaned = False
    for number, line in _lines(text):
        try:
            if len(line) > LONGEST_LINE:
                raise ValueError(f"a line has at most {LONGEST_LINE} characters")
            if _BEGINS_RULE.match(line):
                orphaned = True
                rules.append((number, _rule(line, len(rules))))
                orphaned = False
            elif not orphaned:
                _add(line, rules[-1][1] if rules else None)
        except ValueError as error:
            left_out.append(f"line {number}: {error}")
    empty = [number for number, rule in rules if not rule.set and not rule.unset]
    left_out += [f"line {number}: no header follows" for number in empty]
    return tuple(rule for number, rule in rules if number not in empty), left_out


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(map(str.strip, text.split("\n")), 1):
        if line and not line.startswith("#"):
            yield number, line


def _rule(line: str, rules: int) -> HeaderRule:
    if rules >= MOST_RULES:
        raise ValueError(f"there are at most {MOST_RULES} rules")
    if line.startswith("/"):
        return HeaderRule(Pattern(urlsplit(normalised(_HERE + "/" + line.lstrip("/"))).path))
    if (parts := absolute(line)) is None:
        raise ValueError(f"a rule begins with / or https://; got {line}")
    host, path = parts
    if _WITH_PORT.fullmatch(host):
        raise ValueError(f"a host has no port here; got {line}")
    return HeaderRule(Pattern(f"https://{host.lower()}{urlsplit(normalised(_HERE + path)).path}"))


def _add(line: str, rule: HeaderRule | None) -> None:
    if rule is None:
        raise ValueError("a path comes first")
    if line.startswith("! ") and ":" not in line:
        rule.unset.append(_legal(line.removeprefix("! ").strip(), ""))
        return
    name, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise ValueError(f"write name: value; got {line:.80}")
    name = _legal(name.strip(), value.strip())
    rule.set[name] = f"{rule.set[name]}, {value.strip()}" if name in rule.set else value.strip()


def _legal(name: str, value: str) -> str:
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"the value of {name} has characters that no header can have") from None
    (legal,) = Headers({name: value})
    return legal

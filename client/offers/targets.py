"""The classes of objects that travel by reference, which every entrypoint names for itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, Final, NamedTuple, cast

from client.offers.reading import entrypoints_of, mapping

_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")

Names = Mapping[str, str]
"""What the classes that one entrypoint names are called among all of them."""


class Target(NamedTuple):
    """A class: its name among all of them, what is said of it, and what the names in there mean."""

    name: str
    described: Mapping[str, Any]
    names: Names


class Claims:
    """Gives each class a name of its own, in characters that stand for themselves everywhere."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def claim(self, wanted: str) -> str:
        """A name like *wanted* that no other has."""
        plain = _NOT_PLAIN.sub("_", wanted)[:80] or "_"
        name = next(
            name for number in count(1) if (name := f"{plain}{number if number > 1 else ''}") not in self._taken
        )
        self._taken.add(name)
        return name


def targets_of(offers: Mapping[str, Any], claim: Callable[[str], str]) -> tuple[Mapping[str, Names], list[Target]]:
    """What each entrypoint calls which class, and the classes: what two entrypoints say in the same words is one.

    *claim* gives a name that nothing else has.
    """
    known: list[tuple[str, dict[str, Any]]] = []
    names: dict[str, Names] = {}
    found: list[Target] = []
    for entrypoint, offer in entrypoints_of(offers):
        listed = mapping(offer.get("targets"))
        own: dict[str, str] = {}
        names[entrypoint] = own
        for name in sorted(listed):
            meaning = {each: listed[each] for each in _reached(name, listed)}
            same = next((shared for shared, what in known if what == meaning and shared.startswith(name)), None)
            own[name] = same or claim(name)
            if same is None:
                known.append((own[name], meaning))
                found.append(Target(own[name], mapping(listed[name]), own))
    return names, found


def _reached(name: str, listed: Mapping[str, Any]) -> list[str]:
    """*name*, and the names that are said in what is said of it."""
    reached = [name]
    for each in reached:
        reached += dict.fromkeys(n for n in _named(listed[each]) if n in listed and n not in reached)
    return sorted(reached)


def _named(said: object) -> Iterator[str]:
    waiting = [said]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            parts = cast("dict[object, object]", each)
            if isinstance(name := parts.get("x-target"), str):
                yield name
            waiting += parts.values()
        elif isinstance(each, list | tuple):
            waiting += cast("list[object]", each)

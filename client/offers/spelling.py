"""How types are written, and where their names come from."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable
from typing import Final

from client.offers.face import Type

WIDTH: Final = 88
"""Characters of a line; what is spread over several lines stays so wherever more fit."""

_MODULES: Final = {
    "client": ("BlockingHandle", "Handle", "RpcStub", "RpcTarget"),
    "collections.abc": (
        "AsyncIterable",
        "AsyncIterator",
        "Awaitable",
        "Callable",
        "Generator",
        "Iterator",
        "Mapping",
        "Sequence",
    ),
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "typing": ("Any", "Literal", "NotRequired", "Protocol", "TypedDict", "Union"),
    "typing_extensions": ("ReadOnly",),
    "uuid": ("UUID",),
    "workers": ("Headers", "Request", "Response"),
}
_INSTALLED: Final = ("client", "typing_extensions", "workers")
IMPORTED: Final = {name: module for module, names in _MODULES.items() for name in names}
"""The modules of the names that have to be imported."""

SPELLED: Final = frozenset(IMPORTED) | frozenset(dir(builtins))
"""The names that mean something in a stub file already."""


def spell(given: Type, aliases: Collection[str] = ()) -> str:
    """*given* on one line; names among *aliases* are written with an underscore before them."""
    if given.name == "|":
        return " | ".join(spell(argument, aliases) for argument in given.arguments)
    name = f"_{given.name}" if given.name in aliases else given.name
    if given.name == "tuple" and not given.arguments:
        return f"{name}[()]"
    inside = [_constant(value) for value in given.values] or [spell(each, aliases) for each in given.arguments]
    if given.name == "Callable":
        returns, *takes = inside
        taken = ", ".join(takes)
        return f"{name}[{taken if taken == '...' else f'[{taken}]'}, {returns}]"
    return f"{name}[{', '.join(inside)}]" if inside else name


def spell_within(given: Type, aliases: Collection[str], indent: int, around: int) -> str:
    """*given* where *around* other characters stand on its line, spread over several lines if it is too long."""
    line = spell(given, aliases)
    if indent + around + len(line) <= WIDTH or given.name == "...":
        return line
    if given.name == "|":
        # Only what stands in brackets can be spread in a way that formatters leave alone.
        name = "_Union" if "Union" in aliases else "Union"
        return _spread(name, [spell_within(each, aliases, indent + 4, 1) for each in given.arguments], indent)
    name = f"_{given.name}" if given.name in aliases else given.name
    if given.values:
        return _spread(name, [_constant(value) for value in given.values], indent)
    if given.name == "Callable":
        return _spread_function(name, given, aliases, indent)
    if given.arguments:
        return _spread(name, [spell_within(each, aliases, indent + 4, 1) for each in given.arguments], indent)
    return line


def import_lines(names: Iterable[str], aliases: Collection[str]) -> list[str]:
    """The lines that import *names*, those among *aliases* under a name of their own."""
    lines: dict[str, list[str]] = {}
    for name in sorted(names):
        if name in aliases and name in SPELLED:
            module = IMPORTED.get(name, "builtins")
            lines.setdefault(module, []).append(f"from {module} import {name} as _{name}")
    for module in dict.fromkeys(IMPORTED.values()):
        if plain := sorted(name for name in names if IMPORTED.get(name) == module and name not in aliases):
            lines.setdefault(module, []).append(f"from {module} import {', '.join(plain)}")
    first = [line for module in sorted(lines) if module not in _INSTALLED for line in lines[module]]
    others = [line for module in sorted(lines) if module in _INSTALLED for line in lines[module]]
    return [*first, *([""] if first and others else []), *others]


def quoted(value: str) -> str:
    """*value* as a string literal, as formatters write it: double quotes, unless single ones need less escaping."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(_escaped(c, quote) for c in value) + quote


def _escaped(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def _constant(value: object) -> str:
    return quoted(value) if isinstance(value, str) else repr(value)


def _spread_function(name: str, given: Type, aliases: Collection[str], indent: int) -> str:
    returns, *takes = given.arguments
    listed = ", ".join(spell(each, aliases) for each in takes)
    if listed != "...":
        listed = f"[{listed}]"
        if indent + len(listed) + 5 > WIDTH:
            listed = _spread("", [spell_within(each, aliases, indent + 8, 1) for each in takes], indent + 4)
    return _spread(name, [listed, spell_within(returns, aliases, indent + 4, 1)], indent)


def _spread(name: str, parts: list[str], indent: int) -> str:
    pad = " " * (indent + 4)
    inside = "".join(f"{pad}{part},\n" for part in parts)
    return f"{name}[\n{inside}{' ' * indent}]"

"""Reading offers: they come from workers of any version, and from anyone who can write to Redis.

Names that could be no names are left out, texts lose what could steer a terminal, and what has another shape than
expected is taken for nothing. What comes out can be shown and written into files.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from broker.errors import RpcError
from broker.names import check_entrypoint

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_OWN: Final = frozenset({"fetch", "connect", "dup", "dispose", "ctx", "env"})
_OWN_OF_OBJECTS: Final = frozenset({"dup", "dispose"})


def mapping(value: object) -> Mapping[str, Any]:
    """*value* if it is a dict, with its text keys; else nothing."""
    if not isinstance(value, dict):
        return {}
    return {key: item for key, item in cast("dict[object, Any]", value).items() if isinstance(key, str)}


def sequence(value: object) -> Sequence[Any]:
    """*value* if it is a list or tuple, else nothing."""
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


def functions_in(schema: object) -> Iterator[Mapping[str, Any]]:
    """The descriptions of functions that stand in *schema*."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            found = mapping(cast("object", each))
            if found.get("x-python") == "function":
                yield found
            else:
                waiting += found.values()
        else:
            waiting += sequence(each)


def text(value: object) -> str:
    """*value* if it is text, without anything but what is printed, spaces and line ends."""
    if not isinstance(value, str):
        return ""
    plain = value.expandtabs(4).replace("\r\n", "\n")
    return "".join(c for c in plain if c.isprintable() or c == "\n").strip("\n ")


def is_name(name: str) -> bool:
    """Whether *name* may be written as a Python name, and is the same for Python as for people."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


def entrypoints_of(offers: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The entrypoints with names that may be ones, `Default` first, the others in order."""
    for name in sorted(offers, key=lambda name: (name != "Default", name)):
        try:
            allowed = check_entrypoint(name) == name and is_name(name)
        except RpcError:
            continue
        if allowed:
            yield name, mapping(offers[name])


def members_of(offer: Mapping[str, Any], *, target: bool = False) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The members that callers can name, in order; of a *target*, stubs have fewer names of their own."""
    own = _OWN_OF_OBJECTS if target else _OWN
    for name, described in sorted(mapping(offer.get("members")).items()):
        if _NAME.fullmatch(name) and is_name(name) and name not in own:
            yield name, mapping(described)

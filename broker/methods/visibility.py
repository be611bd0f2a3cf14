"""Which names of an entrypoint callers may reach. Pure: it looks at classes, never at instances.

Everything that is not plainly a public method or property is answered as if it did not exist,
so that nobody learns what else a class holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, partial, partialmethod, singledispatchmethod
from types import BuiltinFunctionType, ClassMethodDescriptorType, MethodDescriptorType, WrapperDescriptorType
from typing import Any, Final, Literal

from broker.errors import DataCloneError, MethodNotFound, ReservedMethod

Kind = Literal["method", "property", "fetch"]

RESERVED: Final = frozenset(
    {"fetch", "connect", "alarm", "webSocketMessage", "webSocketClose", "webSocketError", "dup", "constructor"}
)
"""Names of an entrypoint with a meaning of their own, refused as methods even where a class defines them."""
RESERVED_OF_TARGETS: Final = frozenset({"dup", "constructor", "dispose"})
"""The same for objects that travel by reference: what stubs of them have themselves."""

BASE: Final = "__callyard_reserved__"
"""Attribute of the base classes of everything that can be called: the names that their subclasses cannot offer."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
_OWN: Final = frozenset({"ctx", "env"})

# Methods written in C belong to built-in bases (`dict.pop`), which no author meant to offer. A `partial` is data
# of the class, although it can be bound from Python 3.13 on: who means a method writes `partialmethod`.
_BUILT_IN: Final = (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    MethodDescriptorType,
    WrapperDescriptorType,
    classmethod,
    partial,
    staticmethod,
    type,
)


@dataclass(frozen=True, slots=True)
class Member:
    """A reachable name: what it is, what the class holds under it, and which class of the MRO that was."""

    name: str
    kind: Kind
    value: object
    owner: type


def resolve(cls: type, name: str) -> Member:
    """Look *name* up as callers may.

    Raises:
        ReservedMethod: The name is reserved, whether the class defines it or not.
        MethodNotFound: There is nothing under it that callers may reach.
    """
    if name in reserved_names(cls):
        raise ReservedMethod(f"'{name}' is a reserved method and cannot be called over RPC.")
    if _NAME.fullmatch(name) and name not in _OWN and not hasattr(object, name):
        found = _find(cls, name)
        if found is not None:
            return found
    raise not_found(name)


def resolve_fetch(cls: type) -> Member:
    """The `fetch` handler of *cls*, which only requests reach.

    Raises:
        MethodNotFound: The class has none.
    """
    found = _find(cls, "fetch")
    if found is None or found.kind != "method":
        raise MethodNotFound("Handler does not export a fetch() function.")
    return Member("fetch", "fetch", found.value, found.owner)


def visible_names(cls: type) -> list[str]:
    """Every name of *cls* that `resolve` would answer, sorted."""
    names = {name for base in cls.__mro__ if not _is_base(base) for name in vars(base)}
    return sorted(name for name in names if _is_visible(cls, name))


def not_found(name: str) -> MethodNotFound:
    """The refusal of a name that is absent or hidden: the same text for both."""
    return MethodNotFound(f'The RPC receiver does not implement the method "{_shown(name)}".')


def not_callable(path: str) -> MethodNotFound:
    """The refusal of a call to a property whose value is no function."""
    return MethodNotFound(f'"{_shown(path)}" is not a function.')


def not_a_value(name: str) -> DataCloneError:
    """The refusal of reading a method as if it were a property."""
    return DataCloneError(f'"{_shown(name)}" is a method and cannot be read as a value: call it.')


def reserved_names(cls: type) -> frozenset[str]:
    """The names that *cls* cannot offer, whatever it defines."""
    reserved: Any = getattr(cls, BASE, RESERVED)
    return reserved


def _is_base(cls: type) -> bool:
    return cls is object or BASE in vars(cls)


def _is_visible(cls: type, name: str) -> bool:
    try:
        resolve(cls, name)
    except (MethodNotFound, ReservedMethod):
        return False
    return True


def _find(cls: type, name: str) -> Member | None:
    for base in cls.__mro__:
        if name in vars(base):
            value: object = vars(base)[name]
            kind = None if _is_base(base) else _kind(value)
            return None if kind is None else Member(name, kind, value, base)
    return None


def _kind(value: object) -> Kind | None:
    if isinstance(value, property):
        return None if value.fget is None else "property"
    if isinstance(value, cached_property):
        return "property"
    if isinstance(value, partialmethod | singledispatchmethod):
        return "method"
    # What does not bind to the instance is data of the class, even if it can be called.
    if isinstance(value, _BUILT_IN) or not callable(value) or not hasattr(type(value), "__get__"):
        return None
    return "method"


def _shown(name: str) -> str:
    # The name comes from the other side: long ones must not fill logs and replies.
    return name if len(name) <= 200 else name[:200] + "…"

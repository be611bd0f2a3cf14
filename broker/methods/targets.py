"""The classes of objects that travel by reference, as the registry names and describes them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from broker.errors import ConfigurationError
from broker.methods.checking import Checking
from broker.methods.visibility import BASE, visible_names


class Targets:
    """Those that one entrypoint hands out or takes, each under a name of its own.

    *checking* is how their methods check what they take and give; *entrypoints* are classes that have names already.
    """

    def __init__(self, checking: Checking, entrypoints: Mapping[type, str] | None = None) -> None:
        self._checking = checking
        self._entrypoints = entrypoints or {}
        self._names: dict[type, str] = {}

    def entrypoint(self, cls: type) -> str | None:
        """What the entrypoint *cls* is called, if it is one of the service."""
        return self._entrypoints.get(cls)

    def name_of(self, cls: type) -> str | None:
        """The name of *cls*, the same every time; None for stubs of which nothing more is known."""
        if hasattr(cls, "__callyard_start__") or BASE in vars(cls):
            return None
        if cls not in self._names:
            taken, number, name = set(self._names.values()), 1, cls.__name__
            while name in taken:
                number += 1
                name = f"{cls.__name__}{number}"
            self._names[cls] = name
        return self._names[cls]

    def describe(self) -> dict[str, Any]:
        """What callers may know of each class by name, and of those that come up meanwhile."""
        described: dict[str, Any] = {}
        while waiting := [(cls, name) for cls, name in self._names.items() if name not in described]:
            for cls, name in waiting:
                described[name] = {"doc": inspect.cleandoc(cls.__doc__ or ""), "members": self._members(cls)}
        return described

    def _members(self, cls: type) -> dict[str, Any]:
        from broker.methods.method import prepare

        members: dict[str, Any] = {}
        for name in visible_names(cls):
            try:
                members[name] = prepare(cls, name, self._checking).describe(self)
            except ConfigurationError:
                # Calls of it fail, and say why; the service does without.
                continue
        return members

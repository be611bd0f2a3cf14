"""Stand-ins: a service of which each entrypoint takes the place of a binding, and which records its calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from broker.methods.method import Method
from broker.methods.visibility import resolve, resolve_fetch
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service
from worker_runtime.testing.recorded import CallMade, RecordedMethod

NAME: Final = "stand-ins"
"""What the service of the stand-ins is called."""

Record = Callable[[str, CallMade], object]
"""Told of the entrypoint that was called, and of the call."""


class StandIns(Service):
    """Serves *fakes*, each under the name of its entrypoint.

    A fake is a `WorkerEntrypoint` class, of which every call gets an instance as ever; or any other object, whose
    public attributes are the members; or any other class, of which one instance is made.
    """

    _fakes: Mapping[str, Any]
    _record: Record

    def __init__(self, fakes: Mapping[str, Any], record: Record) -> None:
        # A service is frozen.
        object.__setattr__(self, "_fakes", {name: _instance(fake) for name, fake in fakes.items()})
        object.__setattr__(self, "_record", record)
        super().__init__(NAME, {name: _entrypoint(name, fake) for name, fake in self._fakes.items()})
        methods = {
            entrypoint: {name: self._recorded(entrypoint, name) for name in members}
            for entrypoint, members in self.methods.items()
        }
        handlers = {name: self._recorded(name, "fetch") for name in self.handlers}
        object.__setattr__(self, "methods", methods)
        object.__setattr__(self, "handlers", handlers)

    def method(self, entrypoint: str, name: str) -> Method:
        """As that of any service; a mock, whose attributes come into being when asked for, has every method."""
        known = self.methods.get(entrypoint, {}).get(name)
        if known is not None:
            return known
        cls, fake = self.entrypoint(entrypoint), self._fakes[entrypoint]
        if not _is_entrypoint(fake) and not name.startswith("_") and hasattr(fake, name):
            setattr(cls, name, _passed_on(fake, name))
            resolve(cls, name)
            found = self._recorded(entrypoint, name)
            cast("dict[str, Method]", self.methods[entrypoint])[name] = found
            return found
        return super().method(entrypoint, name)

    def _recorded(self, entrypoint: str, name: str) -> Method:
        cls = self.entrypoints[entrypoint]
        member = resolve_fetch(cls) if name == "fetch" else resolve(cls, name)
        return RecordedMethod(cls, member, lambda made: self._record(entrypoint, made))


def _instance(fake: Any) -> Any:
    return fake() if isinstance(fake, type) and not _is_entrypoint(fake) else fake


def _entrypoint(name: str, fake: Any) -> type[WorkerEntrypoint]:
    if _is_entrypoint(fake):
        # A subclass of its own: what is prepared for it must not show on the class of the user.
        return type(fake.__name__, (fake,), {"__module__": fake.__module__, "__doc__": fake.__doc__})
    members = {member: _passed_on(fake, member) for member in dir(fake) if not member.startswith("_")}
    return type(name, (WorkerEntrypoint,), {"__module__": __name__, **members})


def _is_entrypoint(fake: Any) -> bool:
    return isinstance(fake, type) and issubclass(fake, WorkerEntrypoint)


def _passed_on(fake: Any, name: str) -> Any:
    """The member of an entrypoint that does what the attribute *name* of *fake* does."""
    if not callable(getattr(fake, name, None)):

        async def read(_self: WorkerEntrypoint) -> Any:
            return getattr(fake, name)

        return property(cast("Callable[[Any], Any]", read))

    async def call(_self: WorkerEntrypoint, *args: Any, **kwargs: Any) -> Any:
        value = getattr(fake, name)(*args, **kwargs)
        return await value if inspect.isawaitable(value) else value

    call.__name__ = name
    return call

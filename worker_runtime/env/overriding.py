"""`with_env` and `patch_env`: other values for the importable `env`, for as long as a piece of code runs.

What they set holds in the task or thread that set it and in the tasks that it starts meanwhile, and nowhere else.
`self.env` and calls to other services do not change.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from broker.errors import ConfigurationError


class Override(NamedTuple):
    """Values that go before the `env` of the running call.

    Attributes:
        values: The values by name.
        whole: Whether they are all there is; else other names are looked up where they would be without it.
    """

    values: Mapping[str, Any]
    whole: bool

    def value(self, name: str) -> Any:
        """The value of *name*.

        Raises:
            AttributeError: There is none.
        """
        try:
            return self.values[name]
        except KeyError:
            offered = ", ".join(sorted(self.values)) or "nothing"
            raise AttributeError(f"env has no {name!r} here; with_env gave it {offered}.") from None


_override: Final[ContextVar[Override | None]] = ContextVar("callyard.override", default=None)


def overridden() -> Override | None:
    """What goes before the `env` of the running call here, if anything does."""
    return _override.get()


def with_env(values: Mapping[str, Any] | None, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """Call *function* with an importable `env` that holds *values* and nothing else; None for an empty one.

    Returns what *function* returns. Of a coroutine function that is a coroutine: await it, and all of it runs with
    these values.

    Raises:
        ConfigurationError: A name in *values* cannot stand behind `env.`.
    """
    override = Override(_checked(values or {}), whole=True)
    if inspect.iscoroutinefunction(function):
        return _await_with(override, function(*args, **kwargs))
    with _set(override):
        result = function(*args, **kwargs)
    return _await_with(override, result) if inspect.isawaitable(result) else result


@contextmanager
def patch_env(values: Mapping[str, Any] | None = None, /, **named: Any) -> Generator[None]:
    """Let the importable `env` have *values* and *named* inside the `with` block; other names stay as they are.

    Patches add up, the innermost goes first.

    Raises:
        ConfigurationError: A name cannot stand behind `env.`.
    """
    outer = _override.get()
    before = Override({}, whole=False) if outer is None else outer
    with _set(Override({**before.values, **_checked({**(values or {}), **named})}, whole=before.whole)):
        yield


@contextmanager
def _set(override: Override) -> Generator[None]:
    token = _override.set(override)
    try:
        yield
    finally:
        _override.reset(token)


async def _await_with(override: Override, awaitable: Awaitable[Any]) -> Any:
    with _set(override):
        return await awaitable


def _checked(values: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in values:
        if not str(name).isidentifier() or name.startswith("__"):
            raise ConfigurationError(f"{name!r} cannot stand behind env.: use a name such as API_URL.")
    return MappingProxyType(dict(values))

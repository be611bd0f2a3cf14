"""`policy`: what a method or a class asks of the runtime that runs it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property
from typing import Any, Final, TypeVar

from broker.errors import ConfigurationError

LONGEST_PAUSE: Final = 300.0
"""Seconds that a call waits between two deliveries at most."""

_MARK: Final = "__callyard_policy__"
_Target = TypeVar("_Target")


@dataclass(frozen=True, slots=True)
class Policy:
    """What was asked for; `None` leaves the choice to the class, then to the settings of the service.

    Attributes:
        retries: Deliveries after the first that a lost worker may cost; 0 means at most once.
        timeout: Seconds that the method may take, whatever longer deadline its caller gave.
        concurrency: Calls of the method that one process runs at a time.
        detached: Whether the method runs to its end although its caller went away.
        inline: Whether a plain `def` runs on the event loop instead of in a thread.
        backoff: Seconds before the second delivery is run, doubled for each further one.
    """

    retries: int | None = None
    timeout: float | None = None
    concurrency: int | None = None
    detached: bool | None = None
    inline: bool | None = None
    backoff: float | None = None

    def pause(self, delivery_count: int) -> float:
        """Seconds to wait before this delivery is run, at most `LONGEST_PAUSE`."""
        if self.backoff is None or delivery_count < 2:
            return 0.0
        return min(LONGEST_PAUSE, self.backoff * 2.0 ** min(delivery_count - 2, 20))

    def over(self, base: Policy) -> Policy:
        """This policy, with what it leaves open taken from *base*."""
        if self == _OPEN:
            return base
        merged: dict[str, Any] = {}
        for field in fields(self):
            own = getattr(self, field.name)
            merged[field.name] = getattr(base, field.name) if own is None else own
        return Policy(**merged)


_OPEN: Final = Policy()


def policy(
    *,
    retries: int | None = None,
    timeout: float | timedelta | None = None,
    concurrency: int | None = None,
    detached: bool | None = None,
    inline: bool | None = None,
    backoff: float | timedelta | None = None,
) -> Callable[[_Target], _Target]:
    """Decorate a method, a property or a whole class with what it asks of the runtime.

    A method's own policy wins over that of its class, a subclass's over that of its bases. Several
    decorators on one target add up; the outermost wins.

        @policy(retries=0, timeout=5)
        async def charge(self, order: int) -> str: ...

    Args:
        retries: Deliveries after the first that a lost worker may cost; 0 means at most once.
        timeout: Seconds (or a `timedelta`) that the method may take.
        concurrency: Calls of it that one process runs at a time.
        detached: Whether it runs to its end although its caller went away.
        inline: Whether a plain `def` runs on the event loop instead of in a thread.
        backoff: Seconds (or a `timedelta`) before it is run again after a worker was lost, doubled each time.

    Raises:
        ConfigurationError: A value makes no sense, or the target can have no policy.
    """
    _check_count("retries", retries, least=0)
    _check_count("concurrency", concurrency, least=1)
    _check_flag("detached", detached)
    _check_flag("inline", inline)
    asked = Policy(retries, _seconds("timeout", timeout), concurrency, detached, inline, _seconds("backoff", backoff))

    def decorate(target: _Target) -> _Target:
        marked = _function_of(target)
        if not callable(marked) or not hasattr(marked, "__dict__"):
            raise ConfigurationError(f"@policy cannot be used on {target!r}: put it on a method, property or class.")
        setattr(marked, _MARK, asked.over(vars(marked).get(_MARK, _OPEN)))
        return target

    return decorate


def policy_of(cls: type, member: object = None) -> Policy:
    """The policy of *member* of *cls*: its own, completed by that of the class and of its bases."""
    merged = _OPEN
    for base in reversed(cls.__mro__):
        merged = vars(base).get(_MARK, _OPEN).over(merged)
    return getattr(_function_of(member), _MARK, _OPEN).over(merged)


def _function_of(target: object) -> Any:
    if isinstance(target, property):
        return target.fget
    if isinstance(target, cached_property):
        return target.func  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return target


def _seconds(key: str, given: float | timedelta | None) -> float | None:
    if given is None:
        return None
    seconds: Any = given.total_seconds() if isinstance(given, timedelta) else given
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ConfigurationError(f"@policy({key}={given!r}): the {key} must be a number of seconds above 0.", key=key)
    return float(seconds)


def _check_count(key: str, value: object, *, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ConfigurationError(f"@policy({key}={value!r}): it must be a whole number, {least} or more.", key=key)


def _check_flag(key: str, value: object) -> None:
    if value is not None and not isinstance(value, bool):
        raise ConfigurationError(f"@policy({key}={value!r}): it must be True or False.", key=key)

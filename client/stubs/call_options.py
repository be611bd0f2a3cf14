"""How the calls of a stub are made, and which values make sense."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

LONGEST_KEY: Final = 256
"""Characters of an idempotency key at most."""
MOST_RETRIES: Final = 1000
LONGEST_KEPT: Final = 366 * 86_400.0
"""Seconds that an outcome is kept at most."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the calls of a stub are made; `None` leaves it to the defaults.

    Raises:
        TypeError, ValueError: a value makes no sense; the message names the option.
    """

    timeout: float | None = None
    idempotency_key: str | None = None
    retries: int | None = None
    keep_result: float | None = None

    def __post_init__(self) -> None:
        # A time left that somebody worked out may be over: then the call is refused as too late, not as wrong.
        _check_seconds("timeout", self.timeout, -math.inf, math.inf)
        _check_seconds("keep_result", self.keep_result, 0.001, LONGEST_KEPT)
        if self.retries is not None:
            _check_retries(self.retries)
        if self.idempotency_key is not None:
            _check_key(self.idempotency_key)


def _check_seconds(name: str, given: Any, least: float, longest: float) -> None:
    if given is None:
        return
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{name} is a number of seconds, not {type(given).__name__}.")
    if not least <= given <= longest:
        raise ValueError(f"{name} is {given!r:.40}; it must be a number of seconds from {least} to {longest}.")


def _check_retries(given: Any) -> None:
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"retries is a whole number, not {type(given).__name__}.")
    if not 0 <= given <= MOST_RETRIES:
        raise ValueError(f"retries is {given!r:.40}; it must be 0 to {MOST_RETRIES}.")


def _check_key(given: Any) -> None:
    if not isinstance(given, str):
        raise TypeError(f"idempotency_key is text, not {type(given).__name__}.")
    if not 0 < len(given) <= LONGEST_KEY or not given.isprintable():
        raise ValueError(f"idempotency_key is text of 1 to {LONGEST_KEY} printable characters.")

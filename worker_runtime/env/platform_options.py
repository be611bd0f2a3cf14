"""Options of what `env` offers: keyword arguments or one mapping at the end, in the seed's spelling or in Python's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def options_of(method: str, given: object, more: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The options that *method* was called with, by the names and with the defaults of *known* (camelCase).

    `expiration_ttl` is `expirationTtl`. What is None counts as left out; keyword arguments go before *given*.

    Raises:
        TypeError: *given* is no mapping, or there is no such option.
    """
    if not (given is None or isinstance(given, Mapping)):
        raise TypeError(f"{method}() takes its options as keyword arguments or as one dict, not {_kind(given)}.")
    options = dict(known)
    for name, value in [*(given or {}).items(), *more.items()]:  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        spelled = re.sub(r"_([a-z])", lambda match: match[1].upper(), str(name))  # pyright: ignore[reportUnknownArgumentType]
        if spelled not in known:
            raise TypeError(f"{method}() has no option {str(name)!r}; it has {', '.join(known)}.")  # pyright: ignore[reportUnknownArgumentType]
        if value is not None:
            options[spelled] = value
    return options


def _kind(value: object) -> str:
    return type(value).__name__

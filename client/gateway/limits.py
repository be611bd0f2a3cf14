"""What one request may cost the gateway."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Any, Final

from broker.errors import ConfigurationError

TIMEOUT_HEADER: Final = "x-callyard-timeout"
"""The header by which a client says how many seconds it waits."""

_SECONDS: Final = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost; durations are seconds, sizes are bytes.

    Attributes:
        timeout: Until when a request has to be read and answered where its client says nothing.
        longest_timeout: The most that a client may ask for; more is cut to it.
        body: The largest body of a request.
        head: The largest head of a request: names and values of all its fields.
        fields: How many fields it may have.
        stall: How long a client may take to accept a piece of a response.

    Raises:
        ConfigurationError: One of them makes no sense.
    """

    timeout: float = 60.0
    longest_timeout: float = 300.0
    body: int = 100 << 20
    head: int = 64 << 10
    fields: int = 200
    stall: float = 60.0

    def __post_init__(self) -> None:
        for each in fields(self):
            given: Any = getattr(self, each.name)
            if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
                raise ConfigurationError(f"The limit {each.name} is {given!r:.40}; it must be a number above 0.")


def read_timeout(text: str | None, limits: Limits) -> float:
    """Seconds that the request may take whose header `X-Callyard-Timeout` is *text*.

    Raises:
        ValueError: it is no number of seconds.
    """
    if text is None:
        return min(limits.timeout, limits.longest_timeout)
    if not _SECONDS.fullmatch(text) or not (seconds := float(text)):
        raise ValueError("X-Callyard-Timeout is a number of seconds, such as 2.5.")
    return min(seconds, limits.longest_timeout)

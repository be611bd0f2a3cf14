"""Names that may appear in keys, calls and configuration, and the call ID that users see."""

from __future__ import annotations

import re
from typing import Final

from broker.errors import RpcError

DEFAULT_ENTRYPOINT: Final = "Default"
"""The entrypoint that a binding means when it names none."""

_SERVICE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_ENTRYPOINT: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")


class InvalidName(RpcError, ValueError):
    """Raised when a service or entrypoint name could not be part of a Redis key of ours."""

    executed = "no"


def check_service(name: str) -> str:
    """Return *name* if it may name a service: letters, digits, `_` and `-`, 128 at most.

    Raises:
        InvalidName: it may not. Braces, colons and the like would change what a key means.
    """
    if not _SERVICE.fullmatch(name):
        raise InvalidName(f"{name!r} cannot name a service: use letters, digits, '_' and '-', at most 128 of them.")
    return name


def is_service(name: str) -> bool:
    """Whether *name* may name a service."""
    return _SERVICE.fullmatch(name) is not None


def check_entrypoint(name: str | None) -> str:
    """Return the entrypoint that *name* means; `None` and `"default"` mean `Default`.

    Raises:
        InvalidName: it is no name of a public class.
    """
    if name is None or name == "default":
        return DEFAULT_ENTRYPOINT
    if not _ENTRYPOINT.fullmatch(name):
        raise InvalidName(f"{name!r} cannot name an entrypoint: use the name of the class.")
    return name


def call_id(caller: str, sequence: int, service: str) -> str:
    """The call ID that users see: `CALLER.SEQUENCE@SERVICE`.

    Caller and sequence name the reply channel; the service says in which hash slot it and a
    kept result lie, so that any process can find them with nothing but this text.
    """
    return f"{caller}.{sequence}@{service}"


def split_call_id(text: str) -> tuple[str, str]:
    """Split a call ID into `CALLER.SEQUENCE` and the service.

    Raises:
        LookupError: *text* is no call ID, so no result can be kept under it.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] -- users may
        raise TypeError(f"A call ID is text, not {type(text).__name__}; submit() returns them.")
    call, at, service = text.rpartition("@")
    if not at or not _SERVICE.fullmatch(service) or not re.fullmatch(r"[a-z0-9]+\.[0-9]+", call):
        raise LookupError(f"{text!r} is not a call ID; submit() returns them.")
    return call, service

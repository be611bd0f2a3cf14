"""References inside values: what stands for an object that stays where it is. `docs/protocol.md` 4 is normative."""

from __future__ import annotations

from typing import Any, Final, Protocol

BINDING: Final = 15
"""A service binding: service, entrypoint, props (packed) or nil. It needs no session: it travels by value."""
EXPORT: Final = 16
"""An object of the sender: its number in the session."""
OWN: Final = 17
"""An object of the receiver that came home: its number in the session."""
STREAM: Final = 18
"""A stream that the sender produces: its number in the session."""
PROMISE: Final = 19
"""The value of an earlier step of the same program: the number of the step, and a path into it."""
SIGNAL: Final = 20
"""A signal of the sender: its number in the session, or 0 and the reason why it was given already."""

CODES: Final = frozenset({BINDING, EXPORT, OWN, STREAM, PROMISE, SIGNAL})


class NotYet(Exception):
    """Raised when a value holds promises that have to be awaited before it can travel."""


class Dumping(Protocol):
    """Says which values travel as a reference."""

    def dump(self, value: Any) -> tuple[int, list[Any]] | None:
        """The code and elements that stand for *value*; None where it is no reference.

        Raises:
            RpcError: it is one that cannot travel here.
            NotYet: it can, but not before something else has come.
        """
        ...


class Loading(Protocol):
    """Says what a reference that arrives stands for."""

    def load(self, code: int, wire: list[Any]) -> Any:
        """What the reference of *code* with these elements stands for.

        Raises:
            RpcError, ValueError, TypeError: none can stand here, or it is malformed.
        """
        ...


class References(Dumping, Loading, Protocol):
    """Both."""

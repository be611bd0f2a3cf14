"""How a step ended, as it crosses the wire: written by the side that ran it, read by the side that asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from broker import failures
from broker.codec import decode, encode, pack, unpack
from broker.envelope import RAISED, REFUSED, RESULTS, RETURNED, Outcome
from broker.errors import (
    DataCloneError,
    InvalidArguments,
    MethodNotFound,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    ReservedMethod,
    RpcError,
    StandIn,
    StubDisposed,
)
from broker.references import Loading

OF_MEMBERS: Final = frozenset({DataCloneError, InvalidArguments, MethodNotFound, ReservedMethod, StubDisposed})
"""What the runtime itself says about a member that is reached, also from inside a property that is read for it."""

OF_PROGRAMS: Final = OF_MEMBERS | {Overloaded, PayloadTooLarge, ProtocolError}
"""And what it says about a program, or about the references in a value."""


def refused(error: RpcError) -> Outcome:
    """The outcome of what the runtime itself refused."""
    return Outcome(REFUSED, encode(failures.dump_refusal(error)))


def raised(error: BaseException, *, ours: frozenset[type[RpcError]] = OF_MEMBERS, traceback: bool = False) -> Outcome:
    """The outcome of what ended with *error*. Never raises.

    Where it is one of *ours*, and did not itself come from another service, the runtime speaks and not the method.
    """
    try:
        if isinstance(error, StandIn):
            error = error.error
        if type(error) in ours and not (known := cast("RpcError", error)).remote:
            return refused(known)
        return Outcome(RAISED, encode(failures.dump(error, traceback=traceback)))
    except BaseException:  # exceptions have code of their own, which may do anything
        return undescribable()


def undescribable() -> Outcome:
    """The outcome of what ended with something that fails as soon as it is looked at."""
    error = RuntimeError("The method ended with something that cannot be described.")
    return Outcome(RAISED, encode(failures.dump(error)))


def read_outcome(kind: int, body: bytes, limit: int, references: Loading | None = None) -> tuple[Any, Exception | None]:
    """The value or the error in the *body* of an outcome, which may have *limit* bytes.

    A body that cannot be read is an error itself.
    """
    try:
        if kind == RETURNED:
            return decode(body, limit=limit, references=references), None
        described = decode(body, limit=limit)
        return None, failures.load(described) if kind == RAISED else failures.load_refusal(described)
    except RpcError as error:
        error.executed = "yes"
        return None, error
    except (ValueError, TypeError, AttributeError) as error:
        return None, ProtocolError(f"The reply cannot be read: {error}.", executed="yes")


def together(inbox: str | None, rows: Sequence[tuple[int, Outcome]]) -> Outcome:
    """The outcomes of several steps (counted from 0) as one; *inbox* says where what they refer to is to be called."""
    return Outcome(RESULTS, pack([inbox, [[step, *outcome] for step, outcome in rows]]))


def read_together(body: bytes) -> tuple[str | None, list[tuple[int, Outcome]]]:
    """What `together` wrote.

    Raises:
        ProtocolError: it is something else.
    """
    wire = unpack(body)
    match wire:
        case [None | str() as inbox, list()]:
            return inbox, [_row(row) for row in cast("list[Any]", wire[1])]
        case _:
            raise ProtocolError("The outcomes of a call are malformed.", executed="yes")


def _row(wire: Any) -> tuple[int, Outcome]:
    match wire:
        case [int(step), int(kind), bytes(body)]:
            return step, Outcome(kind, body)
        case _:
            raise ProtocolError("The outcomes of a call are malformed.", executed="yes")

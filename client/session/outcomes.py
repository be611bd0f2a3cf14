"""How steps end, on the wire: what they returned or raised, one by one or several together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from broker import failures
from broker.codec import encode, pack, unpack
from broker.envelope import RAISED, REFUSED, RESULTS, RETURNED, Outcome
from broker.errors import (
    CallCancelled,
    DataCloneError,
    InvalidArguments,
    MethodNotFound,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    ReservedMethod,
    RpcError,
    StubDisposed,
)
from client.session.sending import Sending
from client.threads import Steering

_OURS = (
    DataCloneError, InvalidArguments, MethodNotFound, Overloaded, PayloadTooLarge, ProtocolError, ReservedMethod,
    StubDisposed,
)  # fmt: skip


def returned(value: Any, sending: Sending, limit: int) -> Outcome:
    """The outcome of a step that returned *value*."""
    try:
        body = sending.encode(value, limit=max(0, limit - 128))
    except RpcError as error:
        return refused(error)
    sending.left()
    return Outcome(RETURNED, body)


def raised(error: BaseException) -> Outcome:
    """The outcome of a step that raised *error*, or could not be run."""
    if isinstance(error, asyncio.CancelledError):
        return refused(CallCancelled("The call was cancelled.", executed="maybe"))
    if isinstance(error, Steering):
        error = error.error
    if getattr(type(error), "__callyard_aborted__", False):
        # Only the runtime of workers knows it; its reason is what the caller gets.
        error = cast("Any", error).reason
    if isinstance(error, _OURS) and not error.remote:
        return refused(error)
    try:
        return Outcome(RAISED, encode(failures.dump(error)))
    except BaseException:  # exceptions have code of their own, which may do anything
        unknown = RuntimeError("It ended with something that cannot be described.")
        return Outcome(RAISED, encode(failures.dump(unknown)))


def refused(error: RpcError) -> Outcome:
    """The outcome of a step that the runtime itself refused."""
    return Outcome(REFUSED, encode(failures.dump_refusal(error)))


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

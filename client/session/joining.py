"""Calls on services whose arguments are not plain: references travel, promises join their program or are awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from broker.envelope import Step, unpack_call
from broker.references import NotYet
from client.calling.call import Call, extended, parts
from client.calling.caller import Caller
from client.session.later import when_ready
from client.session.sending import Sending, promised_calls

if TYPE_CHECKING:
    from client.calling.open_call import OpenCall
    from client.stubs.stub import Stub, Target


def start_live(
    stub: Stub,
    target: Target,
    kind: int,
    path: tuple[str, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    deadline: float,
) -> Call:
    """Start a call on *stub*, which stands for *target*.

    Raises:
        RpcError: the arguments cannot travel.
    """
    caller = target.caller
    host = _host(caller, promised_calls(args, kwargs), target)
    joined = extended(host, 0, kind, path, args, kwargs) if host is not None else None
    if joined is not None:
        return joined
    sending = Sending(caller, target.service)
    sending.plain_only = "an idempotency key" if target.options.idempotency_key is not None else None
    try:
        body = sending.encode_arguments(args, kwargs, caller.limit, room=target.room)
    except NotYet:
        return when_ready(stub, kind, path, args, kwargs)
    producer = caller.producer(target.service, target.entrypoint)
    session = sending.session
    wire = target.wire if session is None else {**target.wire, "live": True}
    record = caller.call(producer, (Step(0, kind, path, body),), deadline, wire, asyncio.get_running_loop())
    if session is not None:
        caller.sessions.begin(record, session)
        sending.left()
    return Call(caller, record, record.future)


def encode_joining(caller: Caller, call: OpenCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """The arguments of a further step of *call*, which has not left yet.

    Raises:
        RpcError: they cannot travel.
        NotYet: there are promises among them that have to be awaited.
    """
    sending = Sending(caller, call.producer.service, call.session, record=call)
    assert call.program is not None
    body = sending.encode_arguments(args, kwargs, caller.limit, room=call.program.room(caller.limit))
    sending.leave_with(call.program, body, caller.limit)
    if call.session is None and sending.session is not None:
        caller.sessions.begin(call, sending.session)
    return body


def _host(caller: Caller, promised: Sequence[Call], target: Target) -> Call | None:
    """The *promised* call whose program a call to *target* may join: it has not left, and goes there too."""
    producer = caller.producer(target.service, target.entrypoint)
    for call in promised:
        owner, record, _, _ = parts(call)
        joins = owner is caller and caller.grow(record, call) is not None and record.producer is producer
        if joins and unpack_call(record.entry).options == target.wire:
            return call
    return None

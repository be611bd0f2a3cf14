"""Calling objects of the other side of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from broker.codec import encode_plain
from broker.envelope import GET, RESULTS, Outcome, Step
from broker.errors import CallTimeout, RpcError
from broker.outcomes import read_together
from broker.references import NotYet
from broker.session import Returned
from client.calling.call import Call, check_path, extended, parts
from client.calling.deadline import earliest, enclosing_deadline, scope_deadline
from client.calling.program import Program
from client.session.later import when_ready
from client.session.remote_target import RemoteTarget, SessionCall
from client.session.sending import Sending, promised_calls

if TYPE_CHECKING:
    from client.session.live import LiveSession


class Asking:
    """The calls of this side of *session* that have no outcome yet."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._caller = session.caller
        self._calls: dict[int, SessionCall] = {}
        self._unsealed: list[SessionCall] = []

    @property
    def limit(self) -> int:
        """Bytes of a message."""
        return self._caller.limit

    def ask(
        self, target: RemoteTarget, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        """Call an object of the other side. Whatever is wrong is the outcome of the call."""
        host = self._host(promised_calls(args, kwargs), target) if args or kwargs else None
        joined = extended(host, 0, kind, path, args, kwargs) if host is not None else None
        if joined is not None:
            return joined
        loop = asyncio.get_running_loop()
        now, scope = loop.time(), scope_deadline()
        deadline = earliest(now, target.options.timeout, scope, enclosing_deadline.get())
        service = self._session.service
        name = ".".join((service, *path)) if path else f"a function of {service}"
        record = SessionCall(self._session, name, target.number, deadline, loop.create_future())
        call = Call(self, record, record.future)
        try:
            self._make(record, call, Step(0, kind, path, b""), args, kwargs, now)
        except NotYet:
            return when_ready(target, kind, path, args, kwargs)
        except RpcError as error:
            record.future.set_exception(error)
        return call

    def cancel(self, call: SessionCall) -> None:
        """Give up a call, if nobody waits for any of its steps."""
        if self._calls.get(call.number) is call and (call.program is None or call.program.done):
            self._give_up(call)

    def identify(self, call: SessionCall) -> str:
        """What it is called in messages: calls on objects have no ID of their own."""
        return f"{call.number} of a session"

    def grow(self, call: SessionCall, handle: object) -> Program | None:
        """The program of a call that has not left yet."""
        if self._calls.get(call.number) is not call:  # given up, or failed with its session
            return None
        return None if call.program is None or call.program.full else call.program

    def encode_step(self, call: SessionCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments of a further step.

        Raises:
            RpcError: they cannot travel.
            NotYet: there are promises among them that have to be awaited.
        """
        sending = Sending(self._caller, self._session.service, self._session, record=call)
        assert call.program is not None
        body = self._encode(sending, args, kwargs, call.program.room(self.limit))
        sending.leave_with(call.program, body, self.limit)
        return body

    def seal(self) -> None:
        """Complete the messages of the calls that leave now."""
        for record in self._unsealed:
            assert record.program is not None
            want = record.program.seal()
            record.message[4] = [] if len(want) == 1 else want
        self._unsealed.clear()

    def returned(self, event: Returned) -> None:
        """Give a call its outcome.

        Raises:
            ProtocolError: it cannot be read.
        """
        record = self._calls.get(event.number)
        outcome = Outcome(event.kind, event.body)
        rows = read_together(outcome.body)[1] if outcome.kind == RESULTS else [(-1, outcome)]
        for step, (kind, body) in rows:
            # Read in any case: what a result refers to is let go with it, if nobody wants it.
            value, error = self._caller.sessions.read(kind, body, self._session)
            if record is not None and record.program is not None:
                record.program.settle(step, value, error, alone=len(rows) == 1)
        if record is not None:
            self._forget(record)
            if record.program is not None:
                record.program.end()

    def expire(self, record: SessionCall) -> None:
        """End a call at its deadline."""
        if self._calls.get(record.number) is record and record.program is not None:
            self._give_up(record)
            record.program.fail(CallTimeout(f"{record.name} gave no answer by its deadline.", executed="maybe"))

    def fail(self, error: RpcError) -> None:
        """End all calls with *error*."""
        calls, self._calls = list(self._calls.values()), {}
        self._unsealed.clear()
        for record in calls:
            self._caller.sessions.expiry.remove(record)
            if record.program is not None:
                record.program.fail(error)

    def _make(
        self, record: SessionCall, call: Call, step: Step, args: tuple[Any, ...], kwargs: dict[str, Any], now: float
    ) -> None:
        machine = self._session.machine
        if machine.broken is not None:
            raise self._session.error()
        if record.deadline <= now:
            raise CallTimeout(f"{record.name} was not called: its deadline had passed already.", executed="no")
        check_path(step.path)
        sending = Sending(self._caller, self._session.service, self._session)
        body = b"" if step.kind == GET else self._encode(sending, args, kwargs, self.limit)
        record.program = Program([step._replace(body=body)], record.future, call)
        due = self._caller.clock.at(record.deadline)
        try:
            record.number, record.message = machine.ask(record.receiver, due, record.program.steps)
        except RpcError:
            sending.undo()
            raise
        sending.left()
        self._calls[record.number] = record
        self._unsealed.append(record)
        self._caller.sessions.expiry.add(record, asyncio.get_running_loop())
        self._session.changed()

    def _encode(self, sending: Sending, args: tuple[Any, ...], kwargs: dict[str, Any], room: int) -> bytes:
        body = encode_plain([list(args), kwargs], limit=room)
        return sending.encode_arguments(args, kwargs, self.limit, room=room) if body is None else body

    def _host(self, promised: Sequence[Call], target: RemoteTarget) -> Call | None:
        for call in promised:
            owner, record, _, _ = parts(call)
            if owner is self and record.receiver == target.number:
                return call
        return None

    def _give_up(self, record: SessionCall) -> None:
        self._forget(record)
        self._session.machine.give_up(record.number)
        self._session.changed()

    def _forget(self, record: SessionCall) -> None:
        self._calls.pop(record.number, None)
        self._caller.sessions.expiry.remove(record)

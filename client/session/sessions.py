"""All sessions of this process: those of the calls that it made, and those of the calls that it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from broker.codec import pack, unpack
from broker.envelope import RESULTS, VERSION, Outcome, Reply
from broker.errors import Overloaded, ProtocolError
from broker.link import unheard
from broker.outcomes import read_outcome, read_together
from broker.session.machine import BREAK, RELEASE
from client.calling.expiry import Expiry
from client.calling.program import settle
from client.session.channels import InboxChannel, ReplyChannel, packed_for_caller
from client.session.early import Early
from client.session.live import LiveSession
from client.session.liveness import Liveness
from client.session.receiving import Receiving
from client.session.running import LOCAL, Runner

if TYPE_CHECKING:
    from client.calling.caller import Caller
    from client.calling.open_call import OpenCall
    from client.session.remote_target import SessionCall

MOST_SERVED: Final = 10_000
"""Sessions that one worker process keeps open for its callers at most."""


class Sessions:
    """Finds the session that a message belongs to, and ends those whose other side is gone."""

    def __init__(self, caller: Caller) -> None:
        self.caller: Final = caller
        self.made: Final[dict[int, LiveSession]] = {}
        """By the sequence number of the call."""
        self.served: Final[dict[tuple[str, int], LiveSession]] = {}
        """By caller and sequence number."""
        self.expiry: Final[Expiry[SessionCall]] = Expiry(lambda call: call.session.asking.expire(call))
        self._liveness = Liveness(caller.commands, self._channels)
        self._changed = asyncio.Event()

    def create(self, service: str) -> LiveSession:
        """A session for a call to *service* that is about to be made."""
        return LiveSession(self.caller, service, LOCAL)

    def begin(self, call: OpenCall, session: LiveSession) -> None:
        """Keep *session* for *call* until neither side holds anything of it."""
        call.session = session
        self._keep(call, session)
        if call.future.done():
            session.break_off("The call was not made.")

    def serve(self, caller: str, sequence: int, service: str, channel: str, runner: Runner) -> LiveSession:
        """A session for a call that runs here; its other side is the owner of the reply *channel*.

        Raises:
            Overloaded: there are too many.
            ProtocolError: the call has one.
        """
        if (caller, sequence) in self.served:
            raise ProtocolError("The call has a session already.", executed="maybe")
        if len(self.served) >= MOST_SERVED:
            raise Overloaded(f"This worker keeps {MOST_SERVED} sessions open for its callers and takes no more.")
        session = LiveSession(self.caller, service, runner)
        session.channel = ReplyChannel(session, sequence, channel)
        self.caller.listen_inbox(service)
        key = (caller, sequence)
        self.served[key] = session
        session.ended = lambda: self._drop(self.served, key)
        return session

    def read(self, kind: int, body: bytes, session: LiveSession | None) -> tuple[Any, Exception | None]:
        """The value of a step, or the error with which it ended."""
        receiving = Receiving(self.caller, session)
        value, error = read_outcome(kind, body, self.caller.limit, receiving)
        if error is not None:
            receiving.drop()
        return receiving.whole(value), error

    def answered(self, call: OpenCall, reply: Reply) -> None:
        """Give a call of ours, and each of its steps, what *reply* says of it."""
        inbox: str | None = None
        rows = [(-1, Outcome(reply.kind, reply.body))]
        if reply.kind == RESULTS:
            try:
                inbox, rows = read_together(reply.body)
            except ProtocolError as error:
                # It is told nothing, and nothing else would come.
                call.fail(error)
                return
        session = call.session
        if inbox is not None:
            if session is None:
                session = self.create(call.producer.service)
                self._keep(call, session)
            self._reach(session, call.sequence, inbox)
        self._settle(call, rows, session if inbox is not None else None)
        if session is not None and inbox is None:
            # The worker never opened it: nobody there holds what was sent.
            session.break_off("The call has ended.")
        elif session is not None:
            if call.early is not None:
                call.early.hand_to(session)
            session.release_hold()

    def _settle(self, call: OpenCall, rows: Sequence[tuple[int, Outcome]], session: LiveSession | None) -> None:
        for step, (kind, body) in rows:
            value, error = self.read(kind, body, session)
            if call.program is not None:
                call.program.settle(step, value, error, alone=len(rows) == 1)
            else:
                settle(call.future, value, error)
        if call.program is not None:
            call.program.end()
        elif not rows:
            settle(call.future, None, ProtocolError("The reply says nothing of the call.", executed="yes"))

    def heard(self, service: str, reply: Reply, call: OpenCall | None) -> None:
        """Take in a batch that came through a reply channel, of *call* if that is still open."""
        wire: list[Any] = unpack(reply.body)
        match wire:
            case [str(inbox), int(number), list()]:
                messages = cast("list[Any]", wire[2])
            case _:
                raise ProtocolError("A batch of a session is malformed.")
        session = self.made.get(reply.sequence)
        if session is not None and _from(session, inbox):
            self._reach(session, reply.sequence, inbox)
            session.hear(number, messages)
        elif session is None and call is not None:
            # It has overtaken the reply that opens the session, as it can when Redis lost the scripts.
            call.early = call.early or Early()
            call.early.keep(number, messages, len(reply.body))
        elif _matters(messages):
            self.refuse(service, reply.sequence, inbox)

    def decline(self, service: str, reply: Reply) -> None:
        """Let go what a reply refers to that nobody waits for."""
        inbox = read_together(reply.body)[0]
        session = self.made.get(reply.sequence)
        if inbox is not None and (session is None or not _from(session, inbox)):
            self.refuse(service, reply.sequence, inbox)

    def refuse(self, service: str, sequence: int, inbox: str) -> None:
        """Tell a worker that nobody holds the references of a call any more, or ever will."""
        batch = pack([VERSION, self.caller.id, sequence, 0, [[BREAK, "The caller has given the call up."]]])
        stream = self.caller.keys(service).inbox(inbox)
        unheard(self.caller.commands.send("XADD", stream, "NOMKSTREAM", "*", "m", batch))

    def heard_inbox(self, service: str, entry: bytes) -> None:
        """Take in a batch that came through an inbox of this process."""
        wire: list[Any] = unpack(entry)
        match wire:
            case [1, str(caller), int(sequence), int(number), list()]:
                messages = cast("list[Any]", wire[4])
                session = self.served.get((caller, sequence))
            case _:
                raise ProtocolError("A batch of a session is malformed.")
        if session is not None:
            session.hear(number, messages)
        elif _matters(messages):
            gone = packed_for_caller(sequence, self.caller.id, 0, [[BREAK, "The session has ended."]])
            channel = self.caller.keys(service).reply(caller)
            unheard(self.caller.commands.send("XADD", channel, "NOMKSTREAM", "*", "m", gone))

    def verify(self) -> None:
        """Redis was away: let the other sides find out whether messages were lost."""
        self._liveness.pause()
        for session in [*self.made.values(), *self.served.values()]:
            if session.channel is not None:
                session.channel.send(*session.machine.mark())

    def callers(self) -> set[str]:
        """The reply channels of the callers that hold something of this process."""
        return {session.channel.stream for session in self.served.values() if isinstance(session.channel, ReplyChannel)}

    def caller_gone(self, channel: str) -> None:
        """End the sessions of a caller that is gone."""
        for session in list(self.served.values()):
            if isinstance(session.channel, ReplyChannel) and session.channel.stream == channel:
                session.break_off("The caller is gone.")

    async def wait_served(self) -> None:
        """Wait until no caller holds anything of this process. Safe to cancel."""
        while self.served:
            self._changed.clear()
            await self._changed.wait()

    def close(self, reason: str) -> None:
        """End all sessions; what is to be told of that leaves with this tick."""
        self._liveness.close()
        self.expiry.close()
        for session in [*self.made.values(), *self.served.values()]:
            session.break_off(reason)

    def _keep(self, call: OpenCall, session: LiveSession) -> None:
        # By number: the call has its result, and whoever keeps it keeps the stubs in it from being collected.
        number = call.sequence
        self.made[number] = session
        session.ended = lambda: self._drop(self.made, number)

    def _reach(self, session: LiveSession, sequence: int, inbox: str) -> None:
        if session.channel is None:
            session.channel = InboxChannel(session, sequence, inbox)
            self._liveness.begin()
            session.changed()

    def _channels(self) -> Iterable[tuple[str, LiveSession]]:
        for session in list(self.made.values()):
            if isinstance(session.channel, InboxChannel):
                yield session.channel.alive, session

    def _drop(self, table: dict[Any, LiveSession], key: Any) -> None:
        table.pop(key, None)
        self._changed.set()


def _from(session: LiveSession, inbox: str) -> bool:
    """Whether what came from the worker with that *inbox* belongs to *session*: a call may have run at two workers."""
    return not isinstance(session.channel, InboxChannel) or session.channel.inbox == inbox


def _matters(messages: list[Any]) -> bool:
    """Whether a batch for a session that is over asks for something: releases and ends may cross."""
    return any(
        not isinstance(message, list) or not message or message[0] not in (BREAK, RELEASE) for message in messages
    )

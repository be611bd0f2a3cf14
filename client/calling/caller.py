"""One process as a caller: its connections, its open calls, and the reply to each of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from broker.codec import DEFAULT_LIMIT, HARD_LIMIT, encode_plain, pack
from broker.envelope import SESSION, Reply, Step, pack_call, unpack_call, unpack_reply
from broker.envelope import Call as WireCall
from broker.errors import BrokerUnavailable, CallCancelled, CallTimeout, PayloadTooLarge, ProtocolError, RpcError
from broker.keys import ServiceKeys
from broker.link import Address, Link, unheard
from broker.names import call_id
from broker.outcomes import read_outcome
from broker.references import References
from client.calling.deadline import RedisClock
from client.calling.expiry import Expiry
from client.calling.held import HeldObjects
from client.calling.open_call import OpenCall
from client.calling.producer import Producer
from client.calling.program import Program, settle
from client.calling.replies import BLOCK_MS, ReplyReader
from client.calling.timekeeping import Timekeeper

if TYPE_CHECKING:
    from client.session.sessions import Sessions

_log = logging.getLogger(__name__)


class Caller:
    """Makes calls and gets each its one outcome.

    Two connections, whatever the number of calls: *commands* may be shared with whoever else
    sends commands that can be executed twice, the other one is blocked reading replies.
    """

    def __init__(
        self, address: Address, commands: Link, *, prefix: str = "callyard", limit: int = DEFAULT_LIMIT
    ) -> None:
        self.id: Final = secrets.token_hex(8)
        self.prefix: Final = prefix
        self.limit: Final = limit
        self.clock: Final = RedisClock()
        self.commands: Final = commands
        self.bindings: Final[References] = _bindings(self)
        """The references of values that belong to no session."""
        self.loop: Final = asyncio.get_running_loop()
        """The only event loop that its stubs work on."""
        self._numbers = count(1)
        self._open: dict[int, OpenCall] = {}
        self._expiry: Expiry[OpenCall] = Expiry(self._expire)
        self._keys: dict[str, ServiceKeys] = {}
        self._producers: dict[tuple[str, str], Producer] = {}
        self._services: dict[str, str] = {}
        """By reply channel."""
        self.held: Final = HeldObjects(self)
        """What is held of other processes, and by them."""
        self._reading = Link(address, name=f"callyard-replies-{self.id}", resend=False, silence=BLOCK_MS / 1000 + 10)
        self._replies = ReplyReader(commands, self._reading, self._deliver, self._verify)
        self._replies.on_first = self._replies_open
        self._reading.on_open.append(self._replies.identify)
        self._timekeeper = Timekeeper(self.clock, commands)
        self._timed: asyncio.Task[None] | None = None
        self._reader_opening: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Learn Redis's clock; the caller is usable when this returns. *commands* must be open.

        Raises:
            BrokerUnavailable: Redis is not there.
        """
        await self._timekeeper.ask()
        self.commands.on_open.append(self._came_back)
        self._timed = asyncio.create_task(self._timekeeper.run())

    async def close(self) -> None:
        """Close the reply channels; calls still open fail with `CallCancelled`."""
        self._closed = True
        for call in list(self._open.values()):
            self._tell(call)
            self._fail(call, CallCancelled(f"{call.name}: the caller was closed before the answer came."))
        self.held.close()
        for task in (self._timed, self._reader_opening):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._expiry.close()
        await self._replies.close()
        await self._reading.close()

    def keys(self, service: str) -> ServiceKeys:
        """The keys of *service* under this caller's prefix."""
        keys = self._keys.get(service)
        if keys is None:
            keys = self._keys[service] = ServiceKeys(self.prefix, service)
        return keys

    def call(
        self,
        producer: Producer,
        program: tuple[Step, ...],
        deadline: float,
        options: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> OpenCall:
        """Make one call; it leaves with all others of this tick of *loop*. Never blocks and never raises.

        The future of the returned record gets the outcome: the result, the callee's exception, or
        a typed error by *deadline* (seconds of the event loop's clock).
        """
        sequence = next(self._numbers)
        entry = pack_call(WireCall(self.id, sequence, self.clock.at(deadline), options, program))
        oneway = "oneway" in options
        call = OpenCall(sequence, entry, producer, program[-1].path, deadline, loop.create_future(), oneway=oneway)
        if self._closed or deadline <= loop.time() or len(entry) > self.limit:
            call.future.set_exception(self._refusal(call))
            return call
        if not oneway:
            self._replies.listen(producer.channel)
        if "keep" in options:
            self._announce_result(call, options["keep"])
        self._open[sequence] = call
        self._expiry.add(call, loop)
        producer.add(call)
        return call

    @property
    def sessions(self) -> Sessions:
        """The sessions of this process, for what travels by reference."""
        return self.held.sessions

    def listen_inbox(self, service: str) -> None:
        """Read what callers of *service* want of the objects that they hold of this process."""
        inbox = self.keys(service).inbox(self.id)
        self.held.inboxes[inbox] = service
        self._replies.listen(inbox)

    def check_loop(self) -> None:
        """Check that this is the event loop of this caller.

        Raises:
            RuntimeError: it is another one, on which nothing of this caller would ever come to an end.
        """
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError(
                "This stub belongs to another event loop. Use it on the loop on which connect() was entered, "
                "or connect once on each."
            )

    def next_number(self) -> int:
        """A number that nothing else of this process has."""
        return next(self._numbers)

    def cancel(self, call: OpenCall) -> None:
        """Give up *call*, if nobody waits for any of its steps: drop its outcome, and tell the workers."""
        if self._open.get(call.sequence) is call and (call.program is None or call.program.done):
            self._forget(call)
            self._tell(call)
            if call.session is not None:
                call.session.break_off("The caller has given the call up.")

    def identify(self, call: OpenCall) -> str:
        """The ID of *call*."""
        return call_id(self.id, call.sequence, call.producer.service)

    def grow(self, call: OpenCall, handle: object) -> Program | None:
        """The program of a call that has not left yet; None once it has."""
        if call.batch != call.producer.batch or call.oneway or self._open.get(call.sequence) is not call:
            return None
        if call.program is None:
            call.program = Program(list(unpack_call(call.entry).program), call.future, handle)
        return None if call.program.full else call.program

    def encode_step(self, call: OpenCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments of a further step of a call that has not left yet.

        Raises:
            RpcError: they cannot travel.
            NotYet: there are promises among them that have to be awaited.
        """
        assert call.program is not None
        body = encode_plain([list(args), kwargs], limit=call.program.room(self.limit))
        if body is not None:
            return body
        from client.session.joining import encode_joining

        return encode_joining(self, call, args, kwargs)

    def _refusal(self, call: OpenCall) -> RpcError:
        if self._closed:
            return CallCancelled(f"{call.name}: the caller is closed.", executed="no")
        if len(call.entry) > self.limit:
            return PayloadTooLarge(
                f"{call.name}: the call takes {len(call.entry)} bytes; a message may have {self.limit}. "
                "Raise max_message_bytes on both sides (32 MiB at most), or pass a reference to the data."
            )
        return CallTimeout(f"{call.name} was not called: its deadline had passed already.", executed="no")

    def producer(self, service: str, entrypoint: str) -> Producer:
        """The producer of this process for one entrypoint."""
        producer = self._producers.get((service, entrypoint))
        if producer is None:
            producer = self._producers[service, entrypoint] = Producer(
                self.commands,
                self.keys(service),
                entrypoint,
                self.id,
                accepted=self._accepted,
                refused=self._fail,
                forgotten=self._replies.make_sure,
            )
            self._services[producer.channel] = service
        return producer

    def _announce_result(self, call: OpenCall, kept_ms: int) -> None:
        """Leave an empty result before the call is made: who asks for it then knows that it is to come."""
        key = self.keys(call.producer.service).result(f"{self.id}.{call.sequence}")
        left_ms = int(max(0.0, call.deadline - asyncio.get_running_loop().time()) * 1000)
        sent = self.commands.send("SET", key, b"", "NX", "PX", left_ms + max(1, kept_ms))
        unheard(sent)

    def _accepted(self, call: OpenCall) -> None:
        if self._open.get(call.sequence) is call:
            self._forget(call)
            if not call.future.done():
                call.future.set_result(call_id(self.id, call.sequence, call.producer.service))

    def _deliver(self, channel: str, entry: bytes) -> None:
        try:
            reply = self._read(channel, entry)
        except ProtocolError as error:
            _log.warning("dropped a message that cannot be read: %s", error)
            return
        if reply is None:
            return
        call = self._open.get(reply.sequence)
        if call is None:
            # The second reply of a call that ran twice, or that of one that was given up.
            self._decline(channel, reply)
            return
        self._forget(call)
        if reply.kind > SESSION or call.program is not None or call.session is not None:
            self.sessions.answered(call, reply)
            return
        value, error = read_outcome(reply.kind, reply.body, self.limit, self.bindings)
        settle(call.future, value, error)

    def _read(self, channel: str, entry: bytes) -> Reply | None:
        """The reply in *entry*; None where it was a message of a session, which has it now.

        Raises:
            ProtocolError: it is neither.
        """
        if len(entry) > HARD_LIMIT:
            raise ProtocolError(f"it has {len(entry)} bytes")
        if channel in self.held.inboxes:
            self.held.heard_inbox(channel, entry)
            return None
        reply = unpack_reply(entry)
        if reply.kind == SESSION:
            self.held.heard(self._services[channel], reply, self._open.get(reply.sequence))
            return None
        return reply

    def _decline(self, channel: str, reply: Reply) -> None:
        """Let go what a reply refers to that nobody waits for."""
        if reply.kind > SESSION:
            self.sessions.decline(self._services[channel], reply)

    def _fail(self, call: OpenCall, error: RpcError) -> None:
        """End *call* with an error of ours; only the first outcome counts."""
        if self._open.get(call.sequence) is call:
            self._forget(call)
            call.fail(error)

    def _forget(self, call: OpenCall) -> None:
        del self._open[call.sequence]
        call.producer.forget(call.sequence)
        self._expiry.remove(call)

    def _expire(self, call: OpenCall) -> None:
        if not call.accepted and not self.commands.connected:
            self._fail(
                call,
                BrokerUnavailable(
                    f"{call.name}: Redis at {self.commands.address.shown} stayed away until the deadline.",
                    executed="maybe",
                ),
            )
            return
        hint = "" if call.accepted else " Redis never confirmed that it holds the call."
        self._tell(call)
        self._fail(call, CallTimeout(f"{call.name} gave no answer by its deadline.{hint}", executed="maybe"))

    def _tell(self, call: OpenCall) -> None:
        if self.commands.connected and not call.oneway:
            message = pack([1, "cancel", self.id, call.sequence])
            sent = self.commands.send("PUBLISH", self.keys(call.producer.service).control, message)
            unheard(sent)

    def _replies_open(self) -> None:
        if self._reader_opening is None:
            # The first calls need not wait for it: their replies stay in the channel until it reads.
            self._reader_opening = asyncio.create_task(self._open_reader())

    async def _open_reader(self) -> None:
        while True:
            try:
                await self._reading.open(3600)
            except RpcError as error:
                _log.warning("cannot read replies yet: %s", error)
                await asyncio.sleep(1)
            else:
                return

    async def _came_back(self) -> None:
        await self._timekeeper.ask_now()
        await self._replies.reopen()
        self._verify()
        self.held.verify()

    def _verify(self) -> None:
        """Find out which calls Redis forgot, and send them again."""
        for producer in self._producers.values():
            producer.verify()


def _bindings(caller: Caller) -> References:
    # A stub knows its caller, so neither can import the other.
    from client.stubs.bindings import Bindings

    return Bindings(caller)

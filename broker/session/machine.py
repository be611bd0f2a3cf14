"""The machine at each end of a session. `docs/protocol.md` section 8 is normative for its messages.

Whoever exports a reference numbers it, and no number is used twice, so a release can never be meant for a later
reference. Batches are numbered as well: one that comes again is passed over, and one that is missing breaks the
session, because nothing after it would mean what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Final, NamedTuple, cast

from broker.envelope import Step, read_program
from broker.errors import Overloaded, ProtocolError
from broker.session.events import (
    Asked,
    Broken,
    Cancelled,
    Chunk,
    Credited,
    Event,
    Finished,
    Fired,
    Released,
    Returned,
    Stopped,
    Unanswerable,
)
from broker.session.flow import Inflow, Outflow

CALL, RETURN, CANCEL, RELEASE, CHUNK, END, CREDIT, STOP, ABORT, BREAK = range(10)
"""Kinds of messages."""

OBJECT, STREAM, SIGNAL = range(3)
"""Kinds of references."""

MOST_REFERENCES: Final = 10_000
"""References that one side of a session holds of the other at most."""
MOST_CALLS: Final = 1_000
"""Calls of one side of a session without an outcome at most."""
LONGEST_REASON: Final = 4096
"""Bytes of the reason for which something ended."""
LARGEST_BATCH: Final = 256 * 1024
"""Bytes of the bodies in one batch; what is more begins another."""

Message = list[Any]


class Export(NamedTuple):
    """What one reference of the other side stands for."""

    kind: int
    target: Any


class Session:
    """One end of a session. What it wants sent waits for `take`; what it hears becomes events for its owner."""

    def __init__(self) -> None:
        self.exports: Final[dict[int, Export]] = {}
        self.imports: Final[dict[int, int]] = {}
        """Kinds of the references that we hold, by number."""
        self.asked: Final[set[int]] = set()
        """Our calls without an outcome."""
        self.answering: Final[set[int]] = set()
        """The other side's calls without an outcome."""
        self.outflows: Final[dict[int, Outflow]] = {}
        self.inflows: Final[dict[int, Inflow]] = {}
        self.broken: str | None = None
        self._outbox: list[Message] = []
        self._references = count(1)
        self._calls = count(1)
        self._sent = 0
        self._heard = 0
        self._heard_call = 0
        self._handlers: Final[dict[int, Callable[..., Iterator[Event]]]] = {
            CALL: self._call, RETURN: self._return, CANCEL: self._cancel, RELEASE: self._release, CHUNK: self._chunk,
            END: self._end, CREDIT: self._credit, STOP: self._stop, ABORT: self._abort, BREAK: self._break,
        }  # fmt: skip

    @property
    def over(self) -> bool:
        """Whether neither side holds anything: no message can come any more that matters."""
        return not (self.exports or self.imports or self.asked or self.answering or self._outbox)

    def export(self, kind: int, target: Any) -> int:
        """Number a reference to *target* that is about to be sent.

        Raises:
            Overloaded: the other side holds as many as it may.
        """
        if len(self.exports) >= MOST_REFERENCES:
            raise Overloaded(f"One session can have {MOST_REFERENCES} references; dispose stubs that are not needed.")
        number = next(self._references)
        self.exports[number] = Export(kind, target)
        if kind == STREAM:
            self.outflows[number] = Outflow()
        return number

    def retract(self, number: int) -> Any:
        """Take back a reference that was not sent after all; its target."""
        self.outflows.pop(number, None)
        return self.exports.pop(number).target

    def adopt(self, number: int, kind: int) -> None:
        """Hold a reference that was received.

        Raises:
            ProtocolError: we hold it already, or too many.
        """
        if number in self.imports or len(self.imports) >= MOST_REFERENCES:
            raise ProtocolError("The other side sends a reference twice, or too many references.")
        self.imports[number] = kind
        if kind == STREAM:
            self.inflows[number] = Inflow()

    def release(self, number: int) -> None:
        """Let a reference go. Twice is once."""
        if self.imports.pop(number, None) is not None and self.broken is None:
            if self._outbox and self._outbox[-1][0] == RELEASE:
                self._outbox[-1].append(number)
            else:
                self._outbox.append([RELEASE, number])

    def ask(self, receiver: int, deadline: int, program: list[Step]) -> tuple[int, Message]:
        """Call what *receiver* refers to; the number of the call, and its message.

        The message may be completed (`complete`) until it is taken.

        Raises:
            Overloaded: too many calls have no outcome.
        """
        if len(self.asked) >= MOST_CALLS:
            raise Overloaded(f"One session can have {MOST_CALLS} calls under way.")
        number = next(self._calls)
        self.asked.add(number)
        message: Message = [CALL, number, deadline, receiver, [], program]
        self._outbox.append(message)
        return number, message

    def give_up(self, number: int) -> None:
        """Want the outcome of a call no longer."""
        if number in self.asked:
            self.asked.remove(number)
            self._outbox.append([CANCEL, number])

    def answer(self, number: int, kind: int, body: bytes) -> None:
        """Give a call its outcome; one that was given up needs none."""
        if number in self.answering:
            self.answering.remove(number)
            self._outbox.append([RETURN, number, kind, body])

    def send_chunk(self, stream: int, body: bytes) -> None:
        """Send the next chunk of a stream, whose outflow is open."""
        self._outbox.append([CHUNK, stream, self.outflows[stream].send(len(body)), body])

    def finish(self, stream: int, failure: bytes | None = None) -> None:
        """End a stream of ours, if the other side still wants it."""
        outflow = self.outflows.pop(stream, None)
        if outflow is not None:
            del self.exports[stream]
            self._outbox.append([END, stream, outflow.sent, failure])

    def take_chunk(self, stream: int) -> None:
        """Count a chunk as taken by its consumer."""
        inflow = self.inflows.get(stream)
        credit = inflow.take() if inflow else None
        if credit is not None and self.broken is None:
            self._outbox.append([CREDIT, stream, credit])

    def stop(self, stream: int) -> None:
        """Want no more of a stream. Twice is once."""
        if self.inflows.pop(stream, None) is not None:
            del self.imports[stream]
            self._outbox.append([STOP, stream])

    def fire(self, signal: int, reason: str) -> None:
        """Give a signal, if the other side still holds it."""
        if self.exports.pop(signal, None) is not None:
            self._outbox.append([ABORT, signal, _sendable(reason)])

    def break_off(self, reason: str) -> list[Any]:
        """End the session and tell the other side; the targets of all references that are gone with it."""
        if self.broken is not None:
            return []
        reason = _sendable(reason)
        gone = self._drop(reason)
        self._outbox = [[BREAK, reason]]
        return gone

    def take(self) -> Iterator[tuple[int, list[Message]]]:
        """What is to be sent, in numbered batches of bounded size."""
        waiting, self._outbox = self._outbox, []
        batch: list[Message] = []
        size = 0
        for message in waiting:
            if batch and size >= LARGEST_BATCH:
                yield self._numbered(batch)
                batch, size = [], 0
            batch.append(message)
            size += len(message[3]) if message[0] in (RETURN, CHUNK) else sum(len(s.body) for s in _steps(message))
        if batch:
            yield self._numbered(batch)

    def mark(self) -> tuple[int, list[Message]]:
        """An empty batch that says how many there were, so that the other side notices a loss."""
        return self._sent, []

    def hear(self, number: int, messages: Sequence[Any]) -> Iterator[Event]:
        """Take in a batch, message by message; what each means. To be iterated to its end.

        What an event refers to has to be adopted before the next one is asked for: later messages count on it. After
        the session broke nothing means anything.
        """
        if self.broken is not None or (messages and 0 < number <= self._heard):
            return
        if number > self._heard + bool(messages):
            yield from self.fail("Messages of the session were lost.")
            return
        self._heard = max(self._heard, number)
        for message in messages:
            try:
                yield from self._handle(message)
            except (ProtocolError, LookupError, TypeError, ValueError) as error:
                text = error.message if isinstance(error, ProtocolError) else "The other side sent a malformed message."
                yield from self.fail(text)
            if self.broken is not None:
                return

    def fail(self, reason: str) -> Iterator[Event]:
        """Break off because of what was, or was not, heard."""
        yield from (Released(target) for target in self.break_off(reason))
        yield Broken(reason)

    def _numbered(self, batch: list[Message]) -> tuple[int, list[Message]]:
        self._sent += 1
        return self._sent, batch

    def _drop(self, reason: str) -> list[Any]:
        self.broken = reason
        gone = [export.target for export in self.exports.values()]
        for table in (self.exports, self.imports, self.outflows, self.inflows):
            table.clear()
        self.asked.clear()
        self.answering.clear()
        return gone

    def _handle(self, message: Any) -> Iterator[Event]:
        if type(message) is not list or not message:
            raise ProtocolError("The other side sent a malformed message.")
        kind, *fields = cast("list[Any]", message)
        handler = self._handlers.get(kind)
        # A kind that this version does not know asks for nothing that it could do.
        return iter(()) if handler is None else handler(*fields)

    def _call(self, number: int, deadline: int, receiver: int, want: list[int], program: Any) -> Iterator[Event]:
        _need(number, int)
        _need(deadline, int)
        if number <= self._heard_call or len(self.answering) >= MOST_CALLS:
            raise ProtocolError("The other side uses the number of a call twice, or has too many under way.")
        self._heard_call = number
        steps = read_program(program)
        self.answering.add(number)
        export = self.exports.get(receiver)
        if export is None or export.kind != OBJECT:
            yield Unanswerable(number)
        else:
            yield Asked(number, deadline, export.target, _wanted(want, len(steps)), steps)

    def _return(self, number: int, kind: int, body: bytes) -> Iterator[Event]:
        # One that was given up meanwhile is told as well: what its result refers to must be let go.
        self.asked.discard(number)
        yield Returned(_need(number, int), _need(kind, int), _need(body, bytes))

    def _cancel(self, number: int) -> Iterator[Event]:
        if number in self.answering:
            self.answering.remove(number)
            yield Cancelled(number)

    def _release(self, *numbers: int) -> Iterator[Event]:
        for number in numbers:
            export = self.exports.pop(number, None)
            if export is not None and self.outflows.pop(number, None) is None:
                yield Released(export.target)
            elif export is not None:
                yield Stopped(number, export.target)

    def _chunk(self, stream: int, index: int, body: bytes) -> Iterator[Event]:
        inflow = self.inflows.get(stream)
        if inflow is not None:
            inflow.receive(_need(index, int), len(_need(body, bytes)))
            yield Chunk(stream, body)

    def _end(self, stream: int, sent: int, failure: bytes | None) -> Iterator[Event]:
        inflow = self.inflows.pop(stream, None)
        if inflow is not None:
            del self.imports[stream]
            if inflow.received != sent:
                raise ProtocolError(f"A stream ended after {inflow.received} of {sent} chunks.")
            yield Finished(stream, failure if failure is None else _need(failure, bytes))

    def _credit(self, stream: int, taken: int) -> Iterator[Event]:
        outflow = self.outflows.get(stream)
        if outflow is not None:
            outflow.credit(_need(taken, int))
            yield Credited(stream)

    def _stop(self, stream: int) -> Iterator[Event]:
        if self.outflows.pop(stream, None) is not None:
            yield Stopped(stream, self.exports.pop(stream).target)

    def _abort(self, signal: int, reason: str) -> Iterator[Event]:
        if self.imports.get(signal) == SIGNAL:
            del self.imports[signal]
            yield Fired(signal, _need(reason, str))

    def _break(self, reason: str) -> Iterator[Event]:
        gone = self._drop(_need(reason, str))
        self._outbox = []
        yield from (Released(target) for target in gone)
        yield Broken(reason)


def _need(value: Any, kind: type[Any]) -> Any:
    """*value*, which has to be of exactly this type."""
    if type(value) is not kind:
        raise ProtocolError("The other side sent a malformed message.")
    return value


def _wanted(wire: Any, steps: int) -> list[int]:
    """The steps whose outcomes are wanted, each once: without any, that of the last."""
    wanted = {_need(step, int) for step in _need(wire, list)}
    if any(not 0 <= step < steps for step in wanted):
        raise ProtocolError("The other side wants the outcome of a step that is not there.")
    return sorted(wanted) or [steps - 1]


def _sendable(reason: str) -> str:
    """*reason* as it can travel: it may be of an exception, which says what it likes."""
    return reason[:LONGEST_REASON].encode("utf-8", "backslashreplace")[:LONGEST_REASON].decode("utf-8", "ignore")


def _steps(message: Message) -> list[Step]:
    return message[5] if message[0] == CALL else []

"""The session machine, through every order of messages that Hypothesis finds, with duplicates and losses."""

from collections import deque
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from broker.codec import pack, unpack
from broker.envelope import CALL, RETURNED, Step
from broker.errors import Overloaded, ProtocolError
from broker.session import (
    OBJECT,
    SIGNAL,
    STREAM,
    Broken,
    Released,
    Session,
    Unanswerable,
)
from broker.session.flow import MOST_BYTES, MOST_CHUNKS
from broker.session.machine import BREAK, MOST_CALLS, MOST_REFERENCES
from broker.session.machine import CALL as CALL_MESSAGE

STEPS = (Step(0, CALL, ("method",), b""),)


class End:
    """One end of a session with what its program knows: what it exported, holds, asked and has to answer."""

    def __init__(self, name):
        self.name = name
        self.machine = Session()
        self.way = deque()
        """Batches on their way to the other end."""
        self.sent = []
        self.held = {}
        """References of the other side, by number: their kind."""
        self.released = []
        self.asked = {}
        self.outcomes = {}
        self.to_answer = set()
        self.received = {}
        """Chunks by stream."""
        self.ended = {}
        self.fired = set()

    def flush(self):
        for number, messages in self.machine.take():
            self.sent.append(pack([number, messages]))
            self.way.append(self.sent[-1])


class Sessions(RuleBasedStateMachine):
    """Two ends, a way each, and everything that programs do with references."""

    def __init__(self):
        super().__init__()
        self.ends = End("a"), End("b")
        self.names = count()
        self.produced = {}
        """By producing end and stream: the chunks in order."""
        # The call to which the session belongs gave each side its first object.
        for end, other in (self.ends, self.ends[::-1]):
            number = end.machine.export(OBJECT, f"root of {end.name}")
            other.machine.adopt(number, OBJECT)
            other.held[number] = OBJECT

    def _pick(self, data, options):
        return data.draw(st.sampled_from(sorted(options, key=str)))

    def _end(self, data):
        index = data.draw(st.integers(0, 1))
        return self.ends[index], self.ends[1 - index]

    @rule(data=st.data(), kind=st.sampled_from([None, OBJECT, STREAM, SIGNAL]))
    def ask(self, data, kind):
        """Call an object of the other side, perhaps with a reference among the arguments."""
        end, _ = self._end(data)
        objects = [number for number, held in end.held.items() if held == OBJECT]
        if not objects:
            return
        carried = self._export(end, kind)
        step = Step(0, CALL, ("method",), pack(carried))
        number, _ = end.machine.ask(self._pick(data, objects), 0, [step])
        end.asked[number] = "open"

    def _export(self, end, kind):
        if kind is None:
            return None
        number = end.machine.export(kind, f"{end.name}{next(self.names)}")
        if kind == STREAM:
            self.produced[end.name, number] = []
        return [number, kind]

    @rule(data=st.data(), kind=st.sampled_from([None, OBJECT, STREAM, SIGNAL]))
    def answer(self, data, kind):
        end, _ = self._end(data)
        if end.to_answer:
            number = self._pick(data, end.to_answer)
            end.to_answer.discard(number)
            end.machine.answer(number, RETURNED, pack(self._export(end, kind)))

    @rule(data=st.data())
    def release(self, data):
        end, _ = self._end(data)
        if end.held:
            number = self._pick(data, end.held)
            if end.held.pop(number) == STREAM:
                end.machine.stop(number)
            else:
                end.machine.release(number)

    @rule(data=st.data())
    def give_up(self, data):
        end, _ = self._end(data)
        open_calls = [number for number, state in end.asked.items() if state == "open"]
        if open_calls:
            number = self._pick(data, open_calls)
            end.asked[number] = "given up"
            end.machine.give_up(number)

    @rule(data=st.data(), size=st.sampled_from([0, MOST_BYTES // 3]))
    def produce(self, data, size):
        end, _ = self._end(data)
        ready = [number for number, outflow in end.machine.outflows.items() if outflow.open]
        if ready:
            number = self._pick(data, ready)
            chunk = pack(len(self.produced[end.name, number])) + b"x" * size
            self.produced[end.name, number].append(chunk)
            end.machine.send_chunk(number, chunk)

    @rule(data=st.data())
    def finish(self, data):
        end, _ = self._end(data)
        if end.machine.outflows:
            end.machine.finish(self._pick(data, end.machine.outflows))

    @rule(data=st.data())
    def consume(self, data):
        end, _ = self._end(data)
        waiting = [number for number, chunks in end.received.items() if chunks and number in end.machine.inflows]
        if waiting:
            number = self._pick(data, waiting)
            end.received[number].pop()
            end.machine.take_chunk(number)

    @rule(data=st.data())
    def fire(self, data):
        end, _ = self._end(data)
        signals = [number for number, export in end.machine.exports.items() if export.kind == SIGNAL]
        if signals:
            end.machine.fire(self._pick(data, signals), "enough")

    @rule(data=st.data())
    def flush(self, data):
        self._end(data)[0].flush()

    @rule(data=st.data())
    def deliver(self, data):
        end, other = self._end(data)
        if end.way:
            self._deliver(end.way.popleft(), other)

    @rule(data=st.data())
    def deliver_again(self, data):
        """A batch that came before comes once more: nothing happens."""
        end, other = self._end(data)
        come = end.sent[: len(end.sent) - len(end.way)]
        if come:
            number, messages = unpack(data.draw(st.sampled_from(come)))
            assert list(other.machine.hear(number, messages)) == []

    @rule(data=st.data())
    def mark(self, data):
        """An empty batch behind all others breaks nothing."""
        end, other = self._end(data)
        if not end.way:
            assert list(other.machine.hear(*end.machine.mark())) == []

    def _deliver(self, batch, end):
        number, messages = unpack(batch)
        for event in end.machine.hear(number, messages):
            getattr(self, f"_on_{type(event).__name__.lower()}")(end, event)

    def _on_asked(self, end, event):
        assert isinstance(event.target, str)
        assert list(event.want) == [0]
        end.to_answer.add(event.number)
        self._adopt(end, unpack(event.program[0].body))

    def _on_returned(self, end, event):
        assert end.asked[event.number] in ("open", "given up")
        if end.asked[event.number] == "open":
            end.asked[event.number] = "done"
        self._adopt(end, unpack(event.body))

    def _on_cancelled(self, end, event):
        end.to_answer.discard(event.number)

    def _on_released(self, end, event):
        assert event.target not in end.released
        end.released.append(event.target)

    def _on_stopped(self, end, event):
        self._on_released(end, event)

    def _on_credited(self, end, event):
        assert event.stream in end.machine.outflows

    def _on_chunk(self, end, event):
        end.received.setdefault(event.stream, []).append(event.body)
        producer = self.ends[end is self.ends[0]]
        made = self.produced[producer.name, event.stream]
        assert event.body == made[end.machine.inflows[event.stream].received - 1]

    def _on_finished(self, end, event):
        assert event.stream not in end.ended
        assert event.failure is None
        end.ended[event.stream] = True
        end.held.pop(event.stream, None)

    def _on_fired(self, end, event):
        assert event.signal not in end.fired
        end.fired.add(event.signal)
        end.held.pop(event.signal, None)

    def _on_unanswerable(self, _end, event):
        raise AssertionError(event)

    def _on_broken(self, _end, event):
        raise AssertionError(event)

    def _adopt(self, end, reference):
        if reference is not None:
            number, kind = reference
            end.machine.adopt(number, kind)
            end.held[number] = kind

    @invariant()
    def nothing_is_out_of_bounds(self):
        for end in self.ends:
            assert end.machine.broken is None
            for inflow in end.machine.inflows.values():
                assert inflow.received - inflow.taken <= MOST_CHUNKS

    def teardown(self):
        """Everybody lets go of everything: both tables are empty, and nothing is on its way."""
        for _ in range(4):
            for end in self.ends:
                for number in list(end.machine.outflows):
                    end.machine.finish(number)
                for number in list(end.to_answer):
                    end.machine.answer(number, RETURNED, pack(None))
                end.to_answer.clear()
                for number, kind in list(end.held.items()):
                    (end.machine.stop if kind == STREAM else end.machine.release)(number)
                end.held.clear()
                end.flush()
            for end, other in (self.ends, self.ends[::-1]):
                while end.way:
                    self._deliver(end.way.popleft(), other)
        for end in self.ends:
            machine = end.machine
            assert machine.over
            tables = (machine.exports, machine.imports, machine.asked, machine.answering)
            assert not any((*tables, machine.outflows, machine.inflows))
            assert "open" not in end.asked.values()


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def pair():
    """Two ends of which the second holds object 1 of the first."""
    first, second = Session(), Session()
    second.adopt(first.export(OBJECT, "thing"), OBJECT)
    return first, second


def batches(machine):
    return [unpack(pack([number, messages])) for number, messages in machine.take()]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_batch_breaks_the_session_when_the_next_one_or_a_mark_comes(lost):
    first, second = pair()
    sent = []
    for _ in range(2):
        second.ask(1, 0, list(STEPS))
        sent += batches(second)
    del sent[lost]

    events = [event for number, messages in [*sent, second.mark()] for event in first.hear(number, messages)]

    assert Broken("Messages of the session were lost.") in events
    assert Released("thing") in events
    assert not first.exports
    assert [message[0] for _, messages in batches(first) for message in messages] == [BREAK]


def test_a_broken_session_means_nothing_any_more():
    first, second = pair()
    number, _ = second.ask(1, 0, list(STEPS))
    assert first.break_off("enough") == ["thing"]
    assert first.break_off("again") == []
    [(batch, messages)] = batches(first)

    assert list(second.hear(batch, messages)) == [Broken("enough")]

    second.release(1)
    second.give_up(number)
    assert batches(second) == []
    assert not second.imports
    assert not second.asked


def test_calls_and_releases_leave_in_the_order_made_and_releases_together():
    _, second = pair()
    second.adopt(2, OBJECT)
    second.ask(1, 0, list(STEPS))
    second.release(1)
    second.release(2)
    [(_, messages)] = batches(second)
    assert [message[0] for message in messages] == [0, 3]
    assert messages[1] == [3, 1, 2]


def test_a_call_of_what_was_released_is_unanswerable_and_breaks_nothing():
    first, second = pair()
    second.release(1)
    second.imports[1] = OBJECT
    second.ask(1, 0, list(STEPS))
    [(number, messages)] = batches(second)
    assert list(first.hear(number, messages)) == [Released("thing"), Unanswerable(1)]
    assert first.broken is None


@pytest.mark.parametrize(
    "message",
    [
        [], None, [None], [0], [0, "1", 0, 1, [], []], [0, 1, 0, 1, [], []], [0, 1, 0, 1, ["x"], [[0, 1, [], b""]]],
        [1, 1, 0], [1, 1, 0, "text"], [6, 1], [4, 1, 7, b""], [3, []], [5, 1, "x", None],
    ],
)  # fmt: skip
def test_a_malformed_message_breaks_the_session_and_raises_nothing(message):
    first, second = pair()
    first.adopt(second.export(STREAM, "stream"), STREAM)
    events = list(first.hear(1, [message]))
    assert [type(event) for event in events if not isinstance(event, Released)] in ([Broken], [])
    assert (first.broken is None) == (message == [None])


def test_a_message_of_a_later_version_is_passed_over():
    first, _ = pair()
    assert list(first.hear(1, [[99, "what", "ever"]])) == []
    assert first.broken is None


def test_a_reference_that_comes_twice_is_refused():
    _, second = pair()
    with pytest.raises(ProtocolError, match="twice"):
        second.adopt(1, OBJECT)


def test_tables_are_bounded_on_both_sides():
    first, second = pair()
    for _ in range(MOST_CALLS):
        second.ask(1, 0, list(STEPS))
    with pytest.raises(Overloaded, match=str(MOST_CALLS)):
        second.ask(1, 0, list(STEPS))
    for number in range(MOST_REFERENCES - 1):
        first.export(OBJECT, number)
    with pytest.raises(Overloaded, match=str(MOST_REFERENCES)):
        first.export(OBJECT, "one more")
    for number in range(2, MOST_REFERENCES + 1):
        second.adopt(number, OBJECT)
    with pytest.raises(ProtocolError, match="too many"):
        second.adopt(MOST_REFERENCES + 1, OBJECT)


def test_a_peer_with_too_many_calls_under_way_is_cut_off():
    first, _ = pair()
    calls = [[CALL_MESSAGE, number, 0, 1, [], [list(STEPS[0])]] for number in range(1, MOST_CALLS + 2)]
    wire = unpack(pack([1, calls]))
    assert isinstance(list(first.hear(*wire))[-1], Broken)


def test_a_producer_that_ignores_the_window_is_cut_off():
    first, second = pair()
    stream = second.export(STREAM, "stream")
    first.adopt(stream, STREAM)
    chunks = [[4, stream, index, b"x"] for index in range(MOST_CHUNKS + 1)]
    assert isinstance(list(first.hear(1, chunks))[-1], Broken)


def test_a_stream_that_ends_with_chunks_missing_breaks_the_session():
    first, second = pair()
    stream = second.export(STREAM, "stream")
    first.adopt(stream, STREAM)
    assert "0 of 2 chunks" in list(first.hear(1, [[5, stream, 2, None]]))[-1].reason


def test_a_reference_that_does_not_leave_is_taken_back():
    first, _ = pair()
    number = first.export(STREAM, "stream")
    assert first.retract(number) == "stream"
    assert number not in first.exports
    assert not first.outflows


def test_large_batches_are_sent_in_pieces():
    first, second = pair()
    stream = second.export(STREAM, "stream")
    first.adopt(stream, STREAM)
    for _ in range(4):
        second.send_chunk(stream, b"x" * 200_000)
    sent = batches(second)
    assert [number for number, _ in sent] == [1, 2]
    assert len([event for batch in sent for event in first.hear(*batch)]) == 4

"""Batches of a queue and the fate of its messages: the pure part, against models."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ProtocolError
from broker.message import Stored, pack_message, unpack_message
from worker_runtime.queues.batch import Message, MessageBatch
from worker_runtime.queues.batching import Batching
from worker_runtime.queues.sending import check_delay, decode_body, encode_body
from worker_runtime.queues.verdicts import Fate, Outcome, Verdicts, limited

ONE, TWO, THREE = b"1-0", b"2-0", b"3-0"
DONE = Outcome(Fate.DONE)


def wishes(verdicts, *, failed=False, retry_delay=7.0):
    return [verdicts.wish(key, failed=failed, retry_delay=retry_delay) for key in (ONE, TWO, THREE)]


def again(delay):
    return Outcome(Fate.AGAIN, delay)


def test_what_nothing_was_said_about_follows_the_handler():
    assert wishes(Verdicts()) == [DONE] * 3
    assert wishes(Verdicts(), failed=True) == [again(7)] * 3


def test_a_word_about_one_message_counts_whatever_becomes_of_the_rest():
    verdicts = Verdicts()
    verdicts.ack(ONE)
    verdicts.retry(TWO, 2)
    assert wishes(verdicts) == [DONE, again(2), DONE]
    assert wishes(verdicts, failed=True) == [DONE, again(2), again(7)]


def test_the_first_word_about_a_message_counts():
    verdicts = Verdicts()
    verdicts.ack(ONE)
    verdicts.retry(ONE, 2)
    verdicts.retry(TWO, 3)
    verdicts.retry(TWO, 4)
    verdicts.ack(TWO)
    assert wishes(verdicts)[:2] == [DONE, again(3)]


def test_a_word_about_all_leaves_out_those_that_have_their_own():
    verdicts = Verdicts()
    verdicts.ack(ONE)
    verdicts.retry_all(5)
    verdicts.retry_all(6)
    verdicts.ack_all()
    verdicts.ack(TWO)
    verdicts.retry(THREE, 1)
    assert wishes(verdicts) == [DONE, again(5), again(1)]

    verdicts = Verdicts()
    verdicts.retry(ONE, None)
    verdicts.ack_all()
    verdicts.retry_all(5)
    verdicts.retry(TWO, 1)
    assert wishes(verdicts, failed=True) == [again(7), DONE, DONE]


def test_words_after_the_end_come_too_late():
    verdicts = Verdicts()
    verdicts.open = False
    verdicts.retry(ONE, 1)
    verdicts.ack(TWO)
    verdicts.retry_all(1)
    verdicts.ack_all()
    assert wishes(verdicts) == [DONE] * 3
    assert wishes(verdicts, failed=True) == [again(7)] * 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ack", "retry", "ack_all", "retry_all"]), st.sampled_from([ONE, TWO, THREE]), st.booleans()
        )
    ),
    st.booleans(),
    st.integers(1, 5),
    st.integers(0, 4),
)
def test_no_message_is_lost_and_none_is_tried_too_often(words, failed, attempts, max_retries):
    verdicts = Verdicts()
    for word, key, delayed in words:
        argument = {"ack": [key], "retry": [key, 1.0 if delayed else None], "ack_all": [], "retry_all": [1.0]}[word]
        getattr(verdicts, word)(*argument)
    for key in (ONE, TWO, THREE):
        wish = verdicts.wish(key, failed=failed, retry_delay=7)
        outcome = limited(wish, attempts=attempts, max_retries=max_retries)
        said = [word for word, about, _ in words if word in {"ack_all", "retry_all"} or about == key]
        if not said:
            assert (wish.fate is Fate.AGAIN) == failed
        if said and set(said) <= {"ack", "ack_all"}:
            assert outcome == DONE
        if said and set(said) <= {"retry", "retry_all"}:
            assert outcome.fate is (Fate.DEAD if attempts > max_retries else Fate.AGAIN)
        assert (outcome.fate is Fate.DEAD) == (wish.fate is Fate.AGAIN and attempts > max_retries)


@given(
    st.integers(1, 5),
    st.floats(0, 10),
    st.integers(10, 30),
    st.lists(st.one_of(st.tuples(st.just("add"), st.integers(0, 40)), st.tuples(st.just("wait"), st.floats(0, 6)))),
)
def test_batches_are_bounded_in_order_and_never_late(most, patience, most_bytes, events):
    batching, now, added, taken, since = Batching(most, patience, most_bytes), 0.0, [], [], {}

    def take_all():
        while batch := batching.take(now):
            assert len(batch) <= most
            assert len(batch) == 1 or sum(size for _, size in batch) <= most_bytes
            complete = len(batch) == most or len(batching) or now >= since[batch[0]] + patience
            assert complete
            taken.extend(batch)

    for number, (event, value) in enumerate(events):
        if event == "add":
            item = (number, value)
            batching.add(item, value, now)
            added.append(item)
            since[item] = now
        else:
            now += value
        take_all()
        assert len(batching) < most or not most
        due = batching.due(now)
        assert (due is None) == (len(batching) == 0)
        if due is not None:
            assert now < due == since[added[len(taken)]] + patience
        assert batching.wanted == most - len(batching)

    now += patience + 1
    take_all()
    assert taken == added
    assert batching.take(now) == batching.clear() == []


def test_what_waits_can_be_taken_back():
    batching = Batching(3, 5, 100)
    batching.add("a", 1, 0)
    batching.add("b", 1, 0)

    assert batching.clear() == ["a", "b"]
    assert batching.due(100) is None


@pytest.mark.parametrize(
    ("kind", "body"),
    [(None, {"a": [1, None, "ä"]}), ("json", "text"), ("text", "ä"), ("bytes", b"\xff"), ("v8", {(1, 2): {3}})],
)
def test_bodies_arrive_as_what_they_were(kind, body):
    message = Stored("id", 1, 2, *encode_body(body, kind))
    assert unpack_message(pack_message(message)) == message
    assert decode_body(message) == body


@pytest.mark.parametrize(
    ("kind", "body", "error", "said"),
    [
        ("json", object(), TypeError, "The message is not JSON"),
        ("json", float("nan"), ValueError, "The message is not JSON"),
        ("text", b"x", TypeError, 'Content Type "text" requires a value of type str, but received bytes.'),
        ("bytes", "x", TypeError, 'Content Type "bytes" requires a value of type bytes, but received str.'),
        ("xml", "x", TypeError, "Unsupported queue message content type: 'xml'"),
        ("text", "x" * 128_001, ValueError, "message length of 128001 bytes exceeds limit of 128000"),
        ("v8", object(), TypeError, "plain data"),
    ],
)
def test_impossible_bodies_are_refused(kind, body, error, said):
    with pytest.raises(error, match=said):
        encode_body(body, kind)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x01",
        pack_message(Stored("id", 1, -1, "json", b"")),
        pack_message(Stored("id", -1, 0, "json", b"")),
        pack_message(Stored("id", 10**15, 0, "json", b"")),
    ],
)
def test_what_is_no_message_is_a_protocol_error(value):
    with pytest.raises(ProtocolError):
        unpack_message(value)


@given(st.binary(max_size=60), st.sampled_from(["json", "text", "bytes", "v8", "later"]))
def test_garbage_in_a_body_is_a_protocol_error_and_nothing_else(data, kind):
    with contextlib.suppress(ProtocolError):
        decode_body(Stored("id", 1, 0, kind, data))


@pytest.mark.parametrize(
    ("delay", "error"), [(-1, ValueError), (43_201, ValueError), ("1", TypeError), (True, TypeError)]
)
def test_impossible_delays_are_refused(delay, error):
    with pytest.raises(error, match="delaySeconds"):
        check_delay(delay)


def test_batch_and_messages_speak_both_spellings():
    verdicts = Verdicts()
    stored = Stored("id", 1_800_000_000_000, 1, "json", b"1")
    first, second = (Message(stored, 1, 2, key, verdicts) for key in (ONE, TWO))
    batch = MessageBatch("work", [first, second], verdicts)

    first.retry(delaySeconds=1)
    second.retry({"delay_seconds": 2})
    batch.ackAll()

    assert wishes(verdicts) == [again(1), again(2), DONE]
    assert (first.id, first.attempts, first.timestamp.isoformat()) == ("id", 2, "2027-01-15T08:00:00+00:00")
    assert repr(batch) == "<batch of 2 messages of work>"
    assert repr(first) == "<message id, attempt 2>"
    with pytest.raises(TypeError, match="has no option 'delay'"):
        first.retry(delay=1)
    with pytest.raises(ValueError, match="out of range"):
        batch.retry_all(delaySeconds=-1)

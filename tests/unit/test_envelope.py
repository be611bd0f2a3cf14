"""Heads of messages: what is written is read, and nothing else passes for a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.codec import pack
from broker.envelope import CALL, GET, Call, Reply, Step, pack_call, pack_reply, unpack_call, unpack_reply
from broker.errors import ProtocolError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
steps = st.builds(
    Step, st.integers(0, 9), st.sampled_from([GET, CALL]), st.lists(st.text(), max_size=4).map(tuple), st.binary()
)
calls = st.builds(
    Call,
    st.text("abc123", min_size=8, max_size=16),
    st.integers(1, 2**53),
    st.integers(0, 2**53),
    st.dictionaries(st.sampled_from(["oneway", "keep", "retries"]), st.integers(0, 10)),
    st.lists(steps, min_size=1, max_size=4).map(tuple),
)


@given(calls)
def test_a_call_is_read_as_it_was_written(call):
    assert unpack_call(pack_call(call)) == call


@given(st.builds(Reply, st.integers(1, 2**53), st.integers(0, 2), st.binary()))
def test_a_reply_is_read_as_it_was_written(reply):
    assert unpack_reply(pack_reply(reply)) == reply


@given(st.binary() | plain.map(pack) | st.lists(plain).map(lambda fields: pack([1, *fields])))
def test_whatever_is_no_message_is_refused_with_one_kind_of_error(data):
    for read in (unpack_call, unpack_reply):
        try:
            message = read(data)
        except ProtocolError:
            continue
        assert isinstance(message, Call | Reply)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_version_is_refused_by_name(version):
    with pytest.raises(ProtocolError, match="protocol version"):
        unpack_call(pack([version, "abcdefgh", 1, 2, {}, [[0, 1, ["add"], b""]]]))


def test_a_call_without_steps_is_no_call():
    with pytest.raises(ProtocolError):
        unpack_call(pack([1, "abcdefgh", 1, 2, {}, []]))


def test_fields_of_a_later_minor_version_in_the_options_are_kept():
    call = Call("abcdefgh", 1, 2, {"to come": [1]}, (Step(0, CALL, ("add",), b""),))

    assert unpack_call(pack_call(call)).options == {"to come": [1]}

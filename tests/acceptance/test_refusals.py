"""Calls that cannot be: each is refused with an error that says why, and no worker comes to harm."""

import time

import msgpack
import pytest

from broker.envelope import CALL, Step, pack_call
from broker.envelope import Call as WireCall
from client import (
    DataCloneError,
    InvalidArguments,
    MethodNotFound,
    PayloadTooLarge,
    ReservedMethod,
    ServiceUnavailable,
    submit,
)
from tests.support.workers import until

MIB = 1 << 20


@pytest.mark.parametrize("name", ["nothing", "_private", "__init__", "env", "ctx", "seen", "limit", "Default"])
async def test_name_that_callers_may_not_reach_is_answered_like_one_that_is_not_there(services, name):
    member = services.probe if name != "__init__" else None
    if member is None:
        with pytest.raises(AttributeError):
            services.probe.__nothing__  # noqa: B018
        return
    with pytest.raises(MethodNotFound, match=f'does not implement the method "{name}"') as caught:
        await getattr(member, name)()

    assert caught.value.executed == "no"


@pytest.mark.parametrize("name", ["alarm", "constructor", "webSocketMessage", "connect"])
async def test_reserved_method_is_refused_as_reserved(services, name):
    with pytest.raises(ReservedMethod, match=f"'{name}' is a reserved method"):
        await getattr(services.probe, name)()


async def test_method_read_as_a_property_is_refused(services):
    with pytest.raises(DataCloneError, match="call it"):
        await services.probe.add


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((1,), {}, "missing argument 'b'"),
        ((1, 2, 3), {}, "at most 2"),
        ((1, "two"), {}, "parameter 'b'"),
        ((1, 2), {"c": 3}, "unexpected keyword argument 'c'"),
    ],
)
async def test_wrong_arguments_name_the_parameter(services, args, kwargs, text):
    with pytest.raises(InvalidArguments, match=text):
        await services.probe.add(*args, **kwargs)


async def test_argument_that_cannot_travel_is_refused_with_the_path_to_it(services):
    with pytest.raises(DataCloneError) as caught:
        await services.probe.echo({"deep": [1, object()]})

    assert "deep" in caught.value.message
    assert "1" in caught.value.message
    assert caught.value.executed == "no"


async def test_result_that_cannot_travel_is_refused_with_the_path_to_it(services):
    with pytest.raises(DataCloneError, match=r"unsendable\(\)") as caught:
        await services.probe.unsendable()

    assert "bad" in caught.value.message
    assert caught.value.executed == "yes"


@pytest.mark.parametrize("size", [2 * MIB, 40 * MIB])
async def test_argument_above_the_limit_is_refused_before_it_is_sent(services, size):
    with pytest.raises(PayloadTooLarge, match="max_message_bytes") as caught:
        await services.probe.echo(b"x" * size)

    assert caught.value.executed == "no"


async def test_argument_above_the_limit_of_the_worker_is_refused_there(stage):
    async with stage.connect(max_message_bytes=4 * MIB) as services:
        with pytest.raises(PayloadTooLarge):
            await services.probe.echo(b"x" * (2 * MIB))
        assert await services.probe.add(1, 2) == 3


async def test_result_above_the_limit_is_refused(services):
    with pytest.raises(PayloadTooLarge, match=r"large\(\)") as caught:
        await services.probe.large(2 * MIB)

    assert caught.value.executed == "yes"


async def test_service_that_nobody_ever_served_is_unavailable_at_once(services):
    begun = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="nowhere"):
        await services.nowhere.add(1, 2)
    with pytest.raises(ServiceUnavailable, match="nowhere"):
        await submit(services.nowhere.add, 1, 2)

    assert time.monotonic() - begun < 5


async def test_unknown_entrypoint_of_a_served_service_is_refused_at_once_with_what_there_is(services):
    with pytest.raises(ServiceUnavailable, match="Admin") as caught:
        await services.service("probe", entrypoint="Nothing").role()

    assert "Default" in caught.value.message


async def test_calls_after_a_refused_one_arrive(services):
    with pytest.raises(ServiceUnavailable):
        await services.service("probe", entrypoint="Nothing").role()

    assert await services.probe.add(1, 2) == 3


def garbage() -> dict[str, dict[str, bytes]]:
    good = WireCall("0123456789abcdef", 1, 1 << 52, {}, (Step(0, CALL, ("add",), b"\x92\x92\x01\x02\x80"),))
    version, *fields = msgpack.unpackb(pack_call(good))
    assert version == 1
    caller, sequence, deadline, options, program = fields
    return {
        "another version": {"m": msgpack.packb([99, *fields])},
        "no array": {"m": msgpack.packb({"a": 1})},
        "no msgpack": {"m": b"\xc1\xff"},
        "nothing": {"m": b""},
        "another field": {"x": pack_call(good)},
        "two fields": {"m": pack_call(good), "n": b"1"},
        "half of it": {"m": pack_call(good)[:20]},
        "no program": {"m": msgpack.packb([1, caller, sequence, deadline, options, []])},
        "a text as deadline": {"m": msgpack.packb([1, caller, sequence, "soon", options, program])},
        "a number as step": {"m": msgpack.packb([1, caller, sequence, deadline, options, [1]])},
        "a key as caller": {"m": msgpack.packb([1, "x:{y}", sequence, deadline, options, program])},
        "deep nesting": {"m": b"\x91" * 5000 + b"\xc0"},
        "an extension": {"m": msgpack.packb([1, caller, sequence, deadline, {"a": msgpack.ExtType(3, b"x")}, program])},
    }


@pytest.mark.parametrize("what", garbage())
async def test_entry_that_is_no_call_goes_to_the_dead_letters_and_the_worker_lives_on(services, stage, broker, what):
    stream, dead = stage.key("calls", "Default"), stage.key("dead")
    before = broker.xlen(dead)
    entry = broker.xadd(stream, garbage()[what])

    await until(lambda: broker.xlen(dead) == before + 1, "the dead letter")
    letter = msgpack.unpackb(broker.xrevrange(dead, count=1)[0][1][b"m"])
    assert letter[1] == "undecodable"
    assert letter[4] == entry
    assert await services.probe.add(1, 2) == 3
    await until(lambda: broker.xlen(stream) == 0, "the entry to be gone")


STRANGE = {
    "options of strange types": {"props": 1, "keep": "x", "retries": "many", "key": [1]},
    "negative numbers": {"keep": -5, "retries": -1},
    "numbers beyond measure": {"keep": 1 << 62, "retries": 1 << 62},
    "props that cannot be read": {"props": b"\xc1"},
    "options to come": {"later": True},
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("body", [b"\x92\x92\x01\x02\x80", b"\xc1", b"\x01", b""])
async def test_call_with_strange_parts_leaves_nothing_and_the_worker_lives_on(services, stage, broker, what, body):
    stream = stage.key("calls", "Default")
    call = WireCall("0123456789abcdef", 1, 1 << 52, STRANGE[what], (Step(0, CALL, ("add",), body),))
    broker.xadd(stream, {"m": pack_call(call)})

    assert await services.probe.add(1, 2) == 3
    await until(lambda: broker.xlen(stream) == 0, "the entry to be gone")


@pytest.mark.parametrize(
    "step",
    [Step(1, CALL, ("add",), b""), Step(0, 77, ("add",), b""), Step(0, CALL, (), b""), Step(0, CALL, ("a",) * 70, b"")],
)
async def test_program_of_another_kind_leaves_nothing_and_the_worker_lives_on(services, stage, broker, step):
    stream = stage.key("calls", "Default")
    broker.xadd(stream, {"m": pack_call(WireCall("0123456789abcdef", 1, 1 << 52, {}, (step,)))})

    assert await services.probe.add(1, 2) == 3
    await until(lambda: broker.xlen(stream) == 0, "the entry to be gone")


@pytest.mark.parametrize("deadline", [-1, 0, (1 << 63) - 1, (1 << 64) - 1])
async def test_deadline_beyond_measure_leaves_nothing_and_the_worker_lives_on(services, stage, broker, deadline):
    stream = stage.key("calls", "Default")
    step = Step(0, CALL, ("context",), b"\x92\x90\x80")
    broker.xadd(stream, {"m": pack_call(WireCall("0123456789abcdef", 1, deadline, {}, (step,)))})

    assert await services.probe.add(1, 2) == 3
    await until(lambda: broker.xlen(stream) == 0, "the entry to be gone")

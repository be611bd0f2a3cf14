"""What no end of ours would say, and what each end makes of it; what a program may not grow into."""

import pytest

from broker.codec import pack
from broker.errors import PayloadTooLarge, ProtocolError
from broker.session import OBJECT, SIGNAL, STREAM, Asked, Broken, Session, Stopped
from broker.session.machine import BREAK, CALL, LONGEST_REASON, RELEASE
from client.session.promises import Promised, check_places, fulfilled
from client.session.receivers import apply
from client.session.running import LOCAL

PROGRAM = [[0, 1, ["method"], b""]]


def test_a_stream_that_is_released_is_stopped():
    machine = Session()
    number = machine.export(STREAM, "numbers")
    assert list(machine.hear(1, [[RELEASE, number]])) == [Stopped(number, "numbers")]
    assert machine.over


def test_numbers_of_calls_rise_even_after_an_answer_or_a_cancellation():
    machine = Session()
    number = machine.export(OBJECT, "target")
    assert [type(event) for event in machine.hear(1, [[CALL, 2, 0, number, [], PROGRAM]])] == [Asked]
    machine.answer(2, 0, b"")
    assert isinstance(list(machine.hear(2, [[CALL, 2, 0, number, [], PROGRAM]]))[-1], Broken)


@pytest.mark.parametrize(("want", "meant"), [([], [1]), ([0] * 1000, [0]), ([1, 0, 1], [0, 1])])
def test_each_step_is_wanted_once(want, meant):
    machine = Session()
    number = machine.export(OBJECT, "target")
    (asked,) = machine.hear(1, [[CALL, 1, 0, number, want, PROGRAM * 2]])
    assert asked.want == meant


@pytest.mark.parametrize("want", [[2], [-1], [True], ["0"], {}, None, b"\x00"])
def test_a_step_that_is_not_there_cannot_be_wanted(want):
    machine = Session()
    number = machine.export(OBJECT, "target")
    assert isinstance(list(machine.hear(1, [[CALL, 1, 0, number, want, PROGRAM * 2]]))[-1], Broken)


def test_every_reason_can_be_sent():
    machine = Session()
    signal = machine.export(SIGNAL, "signal")
    machine.fire(signal, "\ud800" * 100_000)
    ((_, (message,)),) = machine.take()
    assert len(message[2].encode()) <= LONGEST_REASON
    machine.break_off("é" * 100_000 + "\udcff")
    ((_, ((kind, reason),)),) = machine.take()
    assert kind == BREAK
    assert len(pack(reason)) <= LONGEST_REASON + 5


def doubled():
    value: object = [0, 0]
    for _ in range(64):
        value = fulfilled([Promised(1, ()), Promised(1, ())], {Promised(1, ()): value})


def added():
    previous: object = [0]
    value: object = [1]
    for _ in range(64):
        both = {Promised(1, ()): previous, Promised(2, ()): value}
        previous, value = value, fulfilled([Promised(1, ()), Promised(2, ())], both)


def repeated():
    fulfilled([Promised(1, ())] * 100, {Promised(1, ()): "x" * 100_000})


@pytest.mark.parametrize("grow", [doubled, added, repeated])
def test_a_value_that_only_looks_small_is_no_argument(grow):
    with pytest.raises(PayloadTooLarge):
        grow()


def test_large_values_and_small_repetitions_are_arguments():
    large = [["x" * 1000, number] for number in range(10_000)]
    assert fulfilled([Promised(1, ())], {Promised(1, ()): large}) == [large]
    assert fulfilled([Promised(1, ())] * 10_000, {Promised(1, ()): 7}) == [7] * 10_000
    circle: list[object] = []
    circle.append(circle)
    assert fulfilled([Promised(1, ())], {Promised(1, ()): circle})[0] is circle


def test_a_promise_in_a_set_or_key_is_refused():
    promised = Promised(1, ())
    check_places([[promised], {"a": (promised,)}], 2)
    for odd in ({promised}, {promised: 1}, ValueError(promised)):
        with pytest.raises(ProtocolError):
            check_places([odd], 1)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "recorded",
    [
        (), ([],), ({}, 1), ([[0, 3, [], [[], 1], {}]], 1), ([[1, 0, [], [], {}]], 1), ([[0, 0, [5], [], {}]], 1),
        ([[0, 0, [[]], [], {}]], 1), ([[0, 0, [], [], {}]] * 65, 1), ([], Promised(5, ())), ([], Promised(-1, ())),
        ([[0, 0, ["a"] * 65, [], {}]], 1),
    ],
)  # fmt: skip
async def test_a_recorded_function_that_is_malformed_is_refused(recorded):
    with pytest.raises(ProtocolError):
        await apply([{"a": 1}], 3, (), recorded, {}, LOCAL)


@pytest.mark.anyio
async def test_a_recorded_function_makes_a_bounded_number_of_values():
    with pytest.raises(PayloadTooLarge):
        await apply([0] * 2000, 3, (), ([], [1] * 1000), {}, LOCAL)

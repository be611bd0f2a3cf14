"""Peers that send what no caller or worker of ours would, objects that misbehave, connections that break. On a real
server only.
"""

import asyncio
import gc
import secrets

import msgpack
import pytest

from broker.codec import pack, unpack
from broker.envelope import CALL, GET, MAP, Call, Reply, Step, pack_call, pack_reply, unpack_reply
from client import (
    CallCancelled,
    MethodNotFound,
    PayloadTooLarge,
    ProtocolError,
    RpcError,
    StreamBroken,
    StubBroken,
    on_broken,
)
from tests.acceptance.conftest import _place
from tests.support.workers import service_folder, until

pytestmark = pytest.mark.redis

EXPORT, OWN, STREAM, PROMISE, SIGNAL = 16, 17, 18, 19, 20
CALLED, RETURNED, CANCELLED, RELEASED, CHUNKED, ENDED, CREDITED, STOPPED, ABORTED, BROKEN = range(10)
FAR = 4_000_000_000_000


def ref(code, *elements):
    """A reference, as it stands on the wire."""
    return [msgpack.ExtType(code, b""), *elements]


def body(*args, **kwargs):
    return msgpack.packb([list(args), kwargs])


@pytest.fixture(scope="module")
def trap_place(redis_server, tmp_path_factory):
    for place in _place(redis_server, tmp_path_factory.mktemp("traps"), served=False):
        folder = service_folder(
            place.folder, "trap", vars={"DIARY": str(place.diary.path)},
            services=[{"binding": "SELF", "service": "trap"}],
        )  # fmt: skip
        place.worker = place.workers.serve(folder)
        yield place


@pytest.fixture
async def trap(trap_place):
    """The service, and at the end the proof that its one worker lives and that nothing is left anywhere."""
    async with trap_place.connect() as services:
        pid = await services.trap.pid()
        yield services.trap
        sessions = services._caller.sessions
        await until(lambda: not sessions.made, "the sessions of the caller to end", 5)
        assert await services.trap.pid() == pid
        for _ in range(500):
            if await services.trap.sessions() == 0:
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError("the worker keeps sessions open")


class Attacker:
    """A caller that writes its messages by hand."""

    def __init__(self, place, server):
        self.id = "attacker" + secrets.token_hex(4)
        self.place = place
        self.server = server
        self.channel = place.key("reply", self.id, service="trap")
        server.xadd(self.channel, {"x": b""})
        self.position = "$"
        self.position = server.xinfo_stream(self.channel)["last-generated-id"]
        self.sequence = 0
        self.worker = None
        self.number = 0
        self.outcomes = {}
        self.messages = []

    def call(self, *program, **options):
        """Make a call of these steps; its sequence number."""
        self.sequence += 1
        self.number = 0
        entry = pack_call(Call(self.id, self.sequence, FAR, options, tuple(Step(*step) for step in program)))
        self.server.xadd(self.place.key("calls", "Default", service="trap"), {"m": entry})
        return self.sequence

    async def outcome(self, sequence):
        """The reply to a call."""
        await self._come(lambda: sequence in self.outcomes)
        return self.outcomes.pop(sequence)

    async def heard(self, *kinds):
        """The next message of one of these kinds in a session, or its break."""
        await self._come(lambda: any(message[0] in (*kinds, BROKEN) for message in self.messages))
        found = next(message for message in self.messages if message[0] in (*kinds, BROKEN))
        self.messages.remove(found)
        return found

    async def introduced(self):
        """Wait until the worker has said where it is."""
        self.worker = None
        await self._come(lambda: self.worker is not None)

    async def _come(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self._read()
                await asyncio.sleep(0.002)

    def _read(self):
        for _, entries in self.server.xread({self.channel: self.position}) or ():
            for self.position, fields in entries:
                reply = unpack_reply(fields[b"m"])
                if reply.kind == 3:
                    self.worker, _, messages = unpack(reply.body)
                    self.messages += messages
                else:
                    self.outcomes[reply.sequence] = reply
                    self.worker = unpack(reply.body)[0] if reply.kind == 4 else self.worker

    async def open(self):
        """A session with an object of the trap: its number is 1."""
        await self.outcome(self.call((0, CALL, ("trap",), body())))
        assert self.worker is not None

    def say(self, *messages, number=None):
        """Send one batch into the session of the last call."""
        if number is None:
            self.number += 1
            number = self.number
        self.raw(pack([1, self.id, self.sequence, number, list(messages)]))

    def raw(self, value):
        self.server.xadd(self.place.key("inbox", self.worker, service="trap"), {"m": value}, nomkstream=True)

    def leave(self):
        self.say([BROKEN, "over"], number=0)


@pytest.fixture
def attacker(trap_place, server):
    return Attacker(trap_place, server)


# What callers say.

DEEP = b"\x91" * 5000 + b"\x01"
INBOX_GARBAGE = [
    b"", b"\xc1", b"\x92\x01", DEEP, pack([]), pack([2, "x", 1, 1, []]), pack([1, 5, 1, 1, []]),
    pack([1, "x", "1", 1, []]),
    pack([1, "x", 2**63, 2**63, [[0]]]), pack([1, "x", -1, -1, [[0, 1, 2, 3]]]), pack([1, "../:{}*\n", 1, 1, [[0]]]),
    pack([1, "x" * 100_000, 1, 1, [[0]]]), pack([1, "nobody123", 1, 1, [None, 5, [], [[]]]]),
]  # fmt: skip


async def test_garbage_in_the_inbox_of_a_worker_disturbs_nobody(trap, attacker):
    async with trap.trap() as stub:
        await attacker.open()
        for garbage in INBOX_GARBAGE:
            attacker.raw(garbage)
        attacker.server.xadd(attacker.place.key("inbox", attacker.worker, service="trap"), {"x": b"", "y": b"\xc1"})
        assert await stub.ping() == "pong"
        attacker.leave()


MALFORMED = [
    5, None, [], [[]], [{}], ["0"], [CALLED], [CALLED, 1], [CALLED, "1", FAR, 1, [], []], [CALLED, 1, FAR, 1, [], []],
    [CALLED, 1, FAR, [1], [], [[0, 1, ["ping"], b""]]], [CALLED, 1, FAR, 1, 5, [[0, 1, ["ping"], b""]]],
    [CALLED, 1, FAR, 1, ["x"], [[0, 1, ["ping"], b""]]], [CALLED, 1, 1.5, 1, [], [[0, 1, ["ping"], b""]]],
    [RETURNED, {}], [RETURNED, 99, 4, b"\xc1"], [RETURNED, 99, 4, pack(["x", [[1]]])], [CANCELLED, []], [RELEASED, []],
    [CHUNKED, []], [ENDED, {}, 1, 1], [CREDITED, []], [STOPPED, {}], [ABORTED, [], "x"], [BROKEN, 5], [BROKEN],
]  # fmt: skip


async def test_a_malformed_message_ends_its_own_session_and_no_other(trap, attacker):
    async with trap.trap() as stub:
        for message in MALFORMED:
            await attacker.open()
            attacker.say(message)
            attacker.leave()
        assert await stub.ping() == "pong"


async def test_messages_about_what_is_not_there_mean_nothing(attacker, trap):
    await attacker.open()
    attacker.say(
        [CANCELLED, 5], [CANCELLED, -1], [RELEASED, 5, -1, 2**63, 5], [CHUNKED, 9, 0, b""], [ENDED, 9, 0, None],
        [CREDITED, 9, 9], [STOPPED, 1], [ABORTED, 1, "x"], [RETURNED, 9, 0, b"\xc0"], [RETURNED, 9, 77, b""], [99, 1],
        [-1],
    )  # fmt: skip
    attacker.say([CALLED, 1, FAR, 1, [], [[0, CALL, ["ping"], body()]]])
    assert (await attacker.heard(RETURNED))[1:3] == [1, 0]
    attacker.leave()


async def test_a_call_answers_each_step_once_however_often_it_is_wanted(attacker, trap):
    await attacker.open()
    attacker.say([CALLED, 1, FAR, 1, [0] * 10_000, [[0, CALL, ["ping"], body()]]])
    message = await attacker.heard(RETURNED)
    assert len(message[3]) < 1000
    attacker.leave()


async def test_no_path_leads_to_what_is_hidden(attacker, trap):
    await attacker.open()
    number = 0
    hidden = [
        ["__class__"], ["__init__", "__globals__"], ["ping", "__globals__"], ["ping", "__self__"], ["diary"], ["ctx"],
        ["me", "diary"],
        ["dispose"], ["dup"], ["constructor"], ["me"] * 100 + ["ping"], ["__callyard_methods__"], ["ping", "__func__"],
    ]  # fmt: skip
    for path in hidden:
        for kind in (GET, CALL, 2, MAP, 99, -1):
            number += 1
            attacker.say([CALLED, number, FAR, 1, [], [[0, kind, path, body([], None)]]])
            _, _, outcome, _ = await attacker.heard(RETURNED)
            assert outcome in (1, 2), (path, kind)
    attacker.leave()


async def test_a_promise_can_only_mean_an_earlier_step(attacker, trap):
    for promised in (0, 1, 2, -1, 2**40):
        sequence = attacker.call((0, CALL, ("echo",), body(ref(PROMISE, promised, []))), (0, CALL, ("pid",), body()))
        reply = await attacker.outcome(sequence)
        assert (await asyncio.wait_for(trap.pid(), 5)) > 0, reply


async def test_promises_cannot_stand_where_they_are_not_looked_for(attacker, trap):
    for odd in (
        [ref(2, ref(PROMISE, 1, []))],
        [{"a": ref(11, "ValueError", "x", [ref(PROMISE, 1, [])], {}, [], None)}],
    ):
        sequence = attacker.call((0, CALL, ("pid",), body()), (0, CALL, ("take",), body(*odd)))
        reply = await attacker.outcome(sequence)
        assert reply.kind == 2, reply


async def test_thousands_of_steps_are_refused(attacker, trap):
    sequence = attacker.call(*[(0, CALL, ("pid",), body())] * 5000)
    assert (await attacker.outcome(sequence)).kind == 2
    await attacker.open()
    attacker.say([CALLED, 1, FAR, 1, [], [[0, CALL, ["ping"], body()]] * 5000])
    assert (await attacker.heard(RETURNED))[2] == 2
    attacker.leave()


async def test_values_that_double_with_every_step_are_refused(attacker, trap):
    doubling = [(n, MAP, (), body([], [ref(PROMISE, 0, []), ref(PROMISE, 0, [])])) for n in range(1, 40)]
    sequence = attacker.call((0, CALL, ("numbers",), body(2)), *doubling)
    reply = await attacker.outcome(sequence)
    assert reply.kind == 2
    again = [(0, CALL, ("echo",), body([ref(PROMISE, n, []), ref(PROMISE, n, [])])) for n in range(1, 40)]
    sequence = attacker.call((0, CALL, ("numbers",), body(2)), *again)
    reply = await attacker.outcome(sequence)
    assert reply.kind == 2


async def test_a_recorded_function_over_a_long_list_lets_others_run_and_is_bounded(attacker, trap):
    steps = [[0, GET, [], [], {}]] * 64
    sequence = attacker.call((0, CALL, ("numbers",), body(200_000)), (1, MAP, (), body(steps, ref(PROMISE, 0, []))))
    begun = asyncio.get_running_loop().time()
    await trap.pid()
    reply = await attacker.outcome(sequence)
    assert reply.kind == 2
    assert asyncio.get_running_loop().time() - begun < 3


async def test_recorded_functions_do_not_nest(attacker, trap):
    inner = [[0, MAP, [], [[], 1], {}]]
    sequence = attacker.call((0, CALL, ("numbers",), body(2)), (1, MAP, (), body(inner, 1)))
    assert (await attacker.outcome(sequence)).kind == 2


async def test_a_reference_that_is_sent_twice_or_malformed_refuses_the_call(attacker, trap):
    odd = [
        [ref(EXPORT, 1), ref(EXPORT, 1)], [ref(EXPORT, "1")], [ref(EXPORT)], [ref(EXPORT, 1, 2)], [ref(OWN, 1)],
        [ref(OWN, -1)],
        [ref(STREAM, [])], [ref(STREAM, 1), ref(SIGNAL, 1, None)], [ref(SIGNAL, 1, 1)], [ref(SIGNAL, 0, 5)],
        [ref(PROMISE, "x", [])],
        [ref(PROMISE, 1, [5])], [ref(15, "a", "b", "c")], [ref(15, "", "", None)], [ref(EXPORT, *range(100))],
        [{"a": ref(EXPORT, 1), "b": ref(99, 1)}],
    ]  # fmt: skip
    for args in odd:
        sequence = attacker.call((0, CALL, ("take",), body(*args)), live=True)
        reply = await attacker.outcome(sequence)
        rows = unpack(reply.body)[1] if reply.kind == 4 else [[0, reply.kind, b""]]
        assert [row[1] for row in rows] == [2], args
        attacker.leave()


async def test_a_stream_that_is_released_instead_of_stopped_ends_its_producer(attacker, trap, trap_place):
    before = trap_place.diary.lines.count("endless ended")
    await attacker.outcome(attacker.call((0, CALL, ("endless",), body())))
    for _ in range(64):
        await attacker.heard(CHUNKED)
    attacker.say([RELEASED, 1])
    await trap_place.diary.says("endless ended", before + 1)


async def test_a_stream_that_ignores_credit_breaks_its_session(attacker, trap):
    sequence = attacker.call((0, CALL, ("total",), body(ref(STREAM, 1))), live=True)
    await attacker.introduced()
    attacker.say(*[[CHUNKED, 1, at, b"\x01"] for at in range(65)])
    assert (await attacker.outcome(sequence)).kind == 4
    for odd in (
        [ENDED, 1, 3, None],
        [ENDED, 1, 0, b"\xc1"],
        [ENDED, 1, 0, b"\x01"],
        [CHUNKED, 1, 1, b"\x01"],
        [CHUNKED, 1, 0, b"\xc1"],
    ):
        sequence = attacker.call((0, CALL, ("total",), body(ref(STREAM, 1))), live=True)
        await attacker.introduced()
        attacker.say(odd)
        assert (await attacker.outcome(sequence)).kind == 4, odd


async def test_a_number_of_a_call_that_came_before_breaks_the_session(attacker, trap):
    await attacker.open()
    attacker.say([CALLED, 1, FAR, 1, [], [[0, CALL, ["ping"], body()]]])
    await attacker.heard(RETURNED)
    attacker.say([CALLED, 1, FAR, 1, [], [[0, CALL, ["ping"], body()]]])
    assert (await attacker.heard(RETURNED))[0] == BROKEN


async def test_a_second_call_of_the_same_number_does_not_take_the_session_of_the_first(attacker, trap):
    await attacker.open()
    attacker.sequence -= 1
    await attacker.outcome(attacker.call((0, CALL, ("trap",), body())))
    attacker.say([CALLED, 1, FAR, 1, [], [[0, CALL, ["ping"], body()]]])
    assert (await attacker.heard(RETURNED))[1:3] == [1, 0]
    attacker.leave()


# What workers say.


def forge(place, server, caller, sequence, kind, value):
    server.xadd(place.key("reply", caller.id, service="trap"), {"m": pack_reply(Reply(sequence, kind, value))})


NONE = pack(None)
NO_REPLIES = [
    (4, b"\xc1"), (4, NONE), (4, pack([None, []])), (4, pack([5, []])), (4, pack([None, [[0, 0]]])),
    (4, pack([None, [[7, 0, NONE]]])), (4, pack([None, [[0, 0, NONE]]])), (4, pack(["nobody", []])), (77, b"\xc1"),
    (-1, b""),
    (4, pack(["nobody", [[1, 0, msgpack.packb(ref(EXPORT, 1)) + b"x"]]])),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(NO_REPLIES)))
async def test_a_reply_that_says_nothing_or_too_little_is_an_error_at_once(trap, trap_place, server, number):
    kind, value = NO_REPLIES[number]
    async with trap_place.connect() as services:
        first = services.trap.rest(5)
        second = first.more()
        await asyncio.sleep(0)
        forge(trap_place, server, services._caller, first._record.sequence, kind, value)
        with pytest.raises(RpcError):
            await asyncio.wait_for(second, 3)
        await asyncio.wait_for(asyncio.gather(first, return_exceptions=True), 3)
        services._caller._tell(first._record)


async def test_batches_of_another_worker_do_not_touch_a_session(trap, trap_place, server):
    async with trap_place.connect() as services:
        call = services.trap.trap()
        stub = await call
        for number in (0, 1, 2, 50):
            batch = pack(["impostor", number, [[BROKEN, "gone"]]])
            forge(trap_place, server, services._caller, call._record.sequence, 3, batch)
        for garbage in (b"", b"\xc1", pack([1]), pack(["x", "1", []]), pack(["x", 1, 5])):
            forge(trap_place, server, services._caller, call._record.sequence, 3, garbage)
            forge(trap_place, server, services._caller, 10**9, 3, garbage)
        assert await stub.ping() == "pong"


@pytest.mark.parametrize(("batches", "size"), [(100, 1), (4, 1 << 20)])
async def test_what_comes_before_the_reply_is_bounded(trap, trap_place, server, batches, size):
    async with trap_place.connect() as services:
        call = services.trap.rest(5)
        await asyncio.sleep(0)
        record = call._record
        for number in range(1, batches + 1):
            batch = pack(["x", number, [[CHUNKED, 1, number - 1, pack(b"x" * size)]]])
            forge(trap_place, server, services._caller, record.sequence, 3, batch)
        await until(lambda: record.early is not None and record.early.overrun, "the caller to have enough of it", 5)
        reply = pack(["x", [[0, 0, msgpack.packb(ref(STREAM, 1))]]])
        forge(trap_place, server, services._caller, record.sequence, 4, reply)

        stream = await call

        with pytest.raises(StreamBroken):
            [chunk async for chunk in stream]
        services._caller._tell(record)


async def test_a_stream_whose_failure_cannot_be_read_ends_with_an_error(trap, trap_place, server):
    async with trap_place.connect() as services:
        call = services.trap.rest(5)
        await asyncio.sleep(0)
        sequence = call._record.sequence
        forge(trap_place, server, services._caller, sequence, 4, pack(["x", [[0, 0, msgpack.packb(ref(STREAM, 1))]]]))
        stream = await call
        forge(trap_place, server, services._caller, sequence, 3, pack(["x", 1, [[ENDED, 1, 0, b"\xc1"]]]))
        with pytest.raises(ProtocolError):
            await asyncio.wait_for(anext(stream), 3)
        services._caller._tell(call._record)


# What objects and their users do.


async def test_what_would_stop_the_event_loop_stops_only_the_call_that_raised_it(trap):
    async def leave(_):
        raise SystemExit(2)

    async with trap.trap() as stub:
        ways = [
            stub.leave, stub.interrupt, stub.odd, lambda: trap.trap().leave(), lambda: trap.leave(leave),
            lambda: trap.apply(leave, 1),
        ]  # fmt: skip
        for way in ways:
            with pytest.raises((RpcError, RuntimeError)):
                await asyncio.wait_for(way(), 5)
        stream = await trap.leaving_stream()
        assert await anext(stream) == 1
        with pytest.raises(RpcError):
            await asyncio.wait_for(anext(stream), 5)
        (await trap.undisposable()).dispose()
        assert await stub.ping() == "pong"


async def test_a_reason_that_is_no_text_does_not_silence_the_worker(trap):
    stub = await trap.trap()
    with pytest.raises(RuntimeError, match="bad name"):
        await asyncio.wait_for(stub.abort("bad name"), 5)
    told = asyncio.Event()
    on_broken(stub, lambda _: told.set())
    await asyncio.wait_for(told.wait(), 5)
    assert await asyncio.wait_for(trap.pid(), 5)


async def test_a_name_that_is_no_text_is_refused_and_holds_nothing_back(trap):
    async with trap.trap() as stub:
        for call in (getattr(stub, "\ud800").x, getattr(stub.me, "\ud800").x, getattr(trap, "\ud800").x):
            with pytest.raises(MethodNotFound):
                await call()
        assert await asyncio.wait_for(stub.ping(), 5) == "pong"


async def test_a_plain_generator_is_closed_although_its_reader_leaves_while_it_works(trap, trap_place):
    async for _ in trap.sleepy_stream():
        break
    await trap_place.diary.says("sleepy ended in True")
    assert await trap.pid()
    assert not [line for line in trap_place.worker.errors if "closing a stream failed" in line]


async def test_a_call_that_was_given_up_takes_no_further_steps(trap):
    async with trap.trap() as stub:
        call = stub.ping()
        call.cancel()
        further = call.upper()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(further, 5)
        assert await stub.ping() == "pong"


async def test_a_step_too_large_for_its_chain_exports_nothing(trap):
    async with trap.trap() as stub:
        call = stub.ping()
        with pytest.raises(PayloadTooLarge):
            await call.join(lambda value: value, "x" * (1 << 20))
        more = stub.ping()
        large = more.join("x" * 600_000)
        with pytest.raises(PayloadTooLarge, match="chain"):
            await more.join(lambda value: value, "x" * 600_000)
        del large
        session = stub._target.session
        assert not session.machine.exports


async def test_results_of_one_program_fit_into_one_message_or_say_that_they_do_not(trap):
    first = trap.text(600_000)
    results = await asyncio.gather(first, *[first.map(lambda item: item) for _ in range(3)], return_exceptions=True)
    assert [type(result) for result in results] == [str, PayloadTooLarge, PayloadTooLarge, PayloadTooLarge]


async def test_a_stub_on_another_event_loop_is_a_clear_error(trap):
    stub = await trap.trap()
    stream = await trap.endless()

    async def use():
        for start in (stub.ping, trap.pid, lambda: anext(stream)):
            with pytest.raises(RuntimeError, match="another event loop"):
                await start()

    await asyncio.to_thread(lambda: asyncio.run(use()))
    stub.dispose()
    stream.dispose()


async def test_stubs_and_streams_can_be_disposed_in_another_thread(trap, trap_place):
    before = trap_place.diary.lines.count("endless ended")
    stub, stream = await trap.trap(), await trap.endless()
    await asyncio.to_thread(stub.dispose)
    await asyncio.to_thread(stream.dispose)
    await trap_place.diary.says("endless ended", before + 1)


async def test_callbacks_that_call_back_fifty_deep_come_to_an_end(trap):
    async def back(depth):
        return await trap.ping_pong(back, depth)

    assert await asyncio.wait_for(trap.ping_pong(back, 50), 15) == 50


async def test_a_worker_can_call_itself_with_a_callback(trap):
    assert await asyncio.wait_for(trap.itself(21), 5) == 42


async def test_an_exception_that_is_kept_keeps_no_session_open(trap, trap_place):
    gc.disable()
    try:
        kept = []
        async with trap_place.connect() as services:

            async def failing(_):
                raise ValueError("x")

            for _ in range(3):
                try:
                    await services.trap.apply(failing, 1)
                except ValueError as error:
                    kept.append(error)
            sessions = services._caller.sessions
            await until(lambda: not sessions.made, "the sessions to end", 5)
        assert len(kept) == 3
    finally:
        gc.enable()


async def test_leaving_connect_with_everything_open_says_nothing(trap_place, caplog):
    loop = asyncio.get_running_loop()
    noise = []
    loop.set_exception_handler(lambda _, context: noise.append(context))
    async with trap_place.connect() as services:
        stub, stream = await services.trap.trap(), await services.trap.endless()
        held = await services.trap.hold(lambda value: value)

        async def numbers():
            while True:
                yield 1
                await asyncio.sleep(0.001)

        call = services.trap.total(numbers())
        await anext(stream)
        reading = asyncio.ensure_future(anext(stream))
        assert await held(5) == 5
    with pytest.raises(StubBroken):
        await stub.ping()
    with pytest.raises(CallCancelled):
        await call
    await asyncio.gather(reading, return_exceptions=True)
    del stub, stream, held
    gc.collect()
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    assert noise == []
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


# What the network and Redis do.


async def test_connections_that_break_lose_no_chunk_and_no_call(trap, trap_place, server):
    async def numbers():
        for number in range(3000):
            yield number

    async def back(value):
        return value + 1

    async def read():
        return [number async for number in trap.count(3000)]

    async def call():
        return [await trap.apply(back, value) for value in range(30)]

    async def kill():
        for _ in range(6):
            await asyncio.sleep(0.05)
            for client in server.client_list():
                if client["name"].startswith("callyard"):
                    server.client_kill_filter(_id=client["id"])
            server.script_flush()

    killing = asyncio.ensure_future(kill())
    async with asyncio.timeout(15):
        results = await asyncio.gather(read(), trap.total(numbers()), call(), return_exceptions=True)
        await killing
    assert results == [list(range(3000)), sum(range(3000)), list(range(1, 31))]


async def test_a_redis_without_memory_is_a_typed_error_and_the_worker_lives_on(trap, server):
    stub = await trap.trap()
    server.config_set("maxmemory", 1)
    try:
        with pytest.raises(RpcError):
            await asyncio.wait_for(stub.ping(), 5)
        with pytest.raises(RpcError):
            await asyncio.wait_for(trap.pid(), 10)
    finally:
        server.config_set("maxmemory", 0)
    assert await asyncio.wait_for(trap.pid(), 5)

"""Workers that die, sleep or are cut off in the middle of their calls. On a real server only."""

import asyncio
import signal
import time
from collections import Counter

import msgpack
import pytest

from broker.envelope import CALL, RETURNED, Step, pack_call, unpack_reply
from broker.envelope import Call as WireCall
from client import CallAbandoned, options
from tests.support.workers import until

pytestmark = pytest.mark.redis


async def test_call_of_a_killed_worker_is_answered_by_another_after_one_lease(place, server):
    folder = place.probe()
    victim = place.workers.serve(folder)
    async with place.connect() as services:
        held = services.probe.hold("gate")
        await place.diary.says("holding gate")
        place.workers.serve(folder)

        victim.signal(signal.SIGKILL)
        begun = time.monotonic()
        place.open("gate")
        assert await held == "gate"

        assert time.monotonic() - begun < 3
    assert place.diary.lines.count("holding gate") == 2
    await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "the entry to be gone")


async def test_living_worker_keeps_a_call_that_takes_many_leases(place):
    folder = place.probe()
    for _ in range(2):
        place.workers.serve(folder, lease="300ms")
    async with place.connect() as services:
        held = [services.probe.hold("gate"), services.probe.block("gate")]
        await place.diary.says("holding gate")
        with pytest.raises(TimeoutError):
            await options(services.probe, timeout=1.5).hold("clock")

        place.open("gate")
        assert await asyncio.gather(*held) == ["gate", "gate"]
    assert place.diary.lines.count("holding gate") == 1
    assert place.diary.lines.count("blocking gate") == 1


async def test_call_that_may_not_run_twice_is_abandoned_with_its_worker_and_becomes_a_dead_letter(place, server):
    folder = place.probe()
    victim = place.workers.serve(folder)
    async with place.connect() as services:
        by_policy = services.probe.hold_once("gate")
        by_option = options(services.probe, retries=0).hold("gate")
        await place.diary.says("holding gate", times=2)
        place.workers.serve(folder)

        victim.signal(signal.SIGKILL)

        for call in (by_policy, by_option):
            with pytest.raises(CallAbandoned) as caught:
                await call
            assert caught.value.executed == "maybe"
    assert place.diary.lines.count("holding gate") == 2
    letters = [msgpack.unpackb(fields[b"m"]) for _, fields in server.xrange(place.key("dead"))]
    assert [(letter[1], letter[5]) for letter in letters] == [("abandoned", 2)] * 2
    assert server.xlen(place.key("calls", "Default")) == 0


async def test_kept_result_of_an_abandoned_call_says_so(place):
    folder = place.probe()
    victim = place.workers.serve(folder)
    async with place.connect() as services:
        held = options(services.probe, retries=0, keep_result=60).hold("gate")
        await place.diary.says("holding gate")
        place.workers.serve(folder)
        victim.signal(signal.SIGKILL)

        with pytest.raises(CallAbandoned):
            await held
        with pytest.raises(CallAbandoned):
            await services.result(held.call_id, timeout=2)


async def test_call_that_kills_its_workers_goes_to_the_dead_letters(place, server):
    pool = place.workers.start(place.probe(), "--processes", "2", "--retries", "1", lease="500ms")
    pool.ready(2)
    async with place.connect() as services:
        with pytest.raises(CallAbandoned):
            await services.probe.kill()
        assert await services.probe.add(1, 2) == 3
    assert sum(line.startswith("killed") for line in place.diary.lines) == 2
    assert server.xlen(place.key("dead")) == 1


async def test_method_runs_again_when_its_worker_dies_before_its_background_tasks_end(place, server):
    folder = place.probe()
    victim = place.workers.serve(folder)
    async with place.connect() as services:
        assert await options(services.probe, timeout=0.5).signup("gate") == "Success"
        victim.signal(signal.SIGKILL)
        victim.ended()

        place.workers.serve(folder)
        place.open("gate")
        await place.diary.says("told gate")
    await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "the entry to be gone")
    assert place.diary.lines == ["told gate"]


async def test_worker_that_wakes_after_its_lease_does_no_harm(place, server):
    folder = place.probe()
    stream, channel = place.key("calls", "Default"), place.key("reply", "0123456789abcdef")
    # A channel that nobody reads shows every reply that is written.
    server.xdel(channel, server.xadd(channel, {"m": ""}))
    sleeper = place.workers.serve(folder)
    step = Step(0, CALL, ("hold",), msgpack.packb([["gate"], {}]))
    server.xadd(stream, {"m": pack_call(WireCall("0123456789abcdef", 1, 1 << 52, {}, (step,)))})
    await place.diary.says("holding gate")

    sleeper.signal(signal.SIGSTOP)
    heir = place.workers.serve(folder)
    await place.diary.says("holding gate", times=2)
    place.open("gate")
    await until(lambda: server.xlen(stream) == 0, "the entry to be gone")
    sleeper.signal(signal.SIGCONT)
    heir.terminate()

    async with place.connect() as services:
        assert await services.probe.pid() == sleeper.pid
    assert sleeper.terminate() == 0
    replies = [unpack_reply(fields[b"m"]) for _, fields in server.xrange(channel)]
    assert [(reply.sequence, reply.kind) for reply in replies] == [(1, RETURNED)]
    assert server.xlen(stream) == 0
    assert server.xpending(stream, "workers")["pending"] == 0
    assert server.xlen(place.key("dead")) == 0


async def _marked(services, lines):
    return await asyncio.gather(*[services.probe.mark(line) for line in lines])


async def test_connections_killed_under_load_cost_no_answer_and_double_no_call(place, server):
    folder = place.probe()
    for _ in range(2):
        place.workers.serve(folder, lease="2s")
    lines = [f"call {number}" for number in range(2000)]
    async with place.connect() as services:
        load = [asyncio.create_task(_marked(services, lines[start::20])) for start in range(20)]
        for share in (1, 500, 1000, 1500):
            await until(lambda share=share: len(place.diary.lines) >= share, "the load to go on")
            server.client_kill_filter(_type="normal")
        answers = [answer for part in await asyncio.gather(*load) for answer in part]

    assert sorted(answers) == sorted(lines)
    assert set(Counter(place.diary.lines).values()) == {1}
    assert sorted(place.diary.lines) == sorted(lines)
    await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "the stream to be empty")


async def test_redis_restarted_under_load_costs_no_answer_and_doubles_no_call(lasting):
    place, redis = lasting
    for _ in range(2):
        place.workers.serve(place.folder / "probe", lease="10s")
    lines = [f"call {number}" for number in range(2000)]
    async with place.connect() as services:
        load = [asyncio.create_task(_marked(services, lines[start::20])) for start in range(20)]
        for share in (1, 1000):
            await until(lambda share=share: len(place.diary.lines) >= share, "the load to go on")
            redis.crash()
            redis.start()
        answers = [answer for part in await asyncio.gather(*load) for answer in part]

    assert sorted(answers) == sorted(lines)
    assert set(Counter(place.diary.lines).values()) == {1}

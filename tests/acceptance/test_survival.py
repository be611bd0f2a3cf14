"""What redelivery, idempotency, deployments and callers that go away mean to users. On a real server only."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from broker.codec import unpack
from client import CallAbandoned, CallCancelled, IdempotencyConflict, MethodNotFound, options, submit
from tests.support.workers import ROOT, until

pytestmark = pytest.mark.redis


def dead_letters(server, place, service="probe"):
    return [unpack(fields[b"m"]) for _, fields in server.xrange(place.key("dead", service=service))]


async def test_method_that_blocks_the_event_loop_for_many_leases_keeps_its_call(place):
    place.workers.serve(place.probe(), lease="500ms")
    place.workers.serve(place.folder / "probe", lease="500ms")
    async with place.connect() as services:
        blocked = services.probe.block_loop("gate")
        await place.diary.says("blocking loop gate")
        await asyncio.sleep(2)
        place.open("gate")

        assert await blocked == "gate"
    assert place.diary.lines.count("blocking loop gate") == 1


async def test_stopped_worker_that_wakes_up_changes_nothing_and_is_told(place):
    stopped = place.workers.serve(place.probe(), lease="500ms")
    async with place.connect() as services:
        held = services.probe.hold("gate")
        await place.diary.says("holding gate")
        stopped.signal(signal.SIGSTOP)
        place.workers.serve(place.folder / "probe", lease="500ms")
        await place.diary.says("holding gate", times=2)

        stopped.signal(signal.SIGCONT)
        await place.diary.says("cancelled gate True")
        place.open("gate")
        assert await held == "gate"
    assert place.diary.lines.count("passed gate") == 1


async def test_killer_is_buried_and_its_neighbours_are_answered(place, server):
    pool = place.workers.start(place.probe(), "--processes", "2", "--concurrency", "20", lease="500ms")
    pool.ready(processes=2)
    async with place.connect() as services:
        killer = services.probe.kill()
        neighbours = [services.probe.rest(number) for number in range(100)]

        with pytest.raises(CallAbandoned):
            await killer
        assert await asyncio.gather(*neighbours) == list(range(100))
    letters = dead_letters(server, place)
    assert [letter[1] for letter in letters] == ["abandoned"]
    # The setting `retries` is 3: four deliveries, each of which cost a worker.
    assert Counter(line.split()[0] for line in place.diary.lines)["killed"] == 4


async def test_calls_with_one_idempotency_key_run_once_and_all_get_the_reply(place):
    place.workers.serve(place.probe())
    place.workers.serve(place.folder / "probe")
    async with place.connect() as services:
        once = options(services.probe, idempotency_key="order 1")
        first = [once.mark("charged") for _ in range(20)]

        assert await asyncio.gather(*first) == ["charged"] * 20
        assert await once.mark("charged") == "charged"
        with pytest.raises(IdempotencyConflict, match="mark"):
            await once.mark("something else")
        assert await options(services.probe, idempotency_key="order 2").mark("charged") == "charged"
        assert await once.add(1, 2) == 3
    assert place.diary.lines.count("charged") == 2


async def test_idempotency_key_survives_the_crash_of_the_worker_that_ran_it(place):
    first = place.workers.serve(place.probe(), lease="500ms")
    async with place.connect() as services:
        once = options(services.probe, idempotency_key="order 1")
        calls = [once.hold("gate"), once.hold("gate")]
        await place.diary.says("holding gate")
        os.kill(first.pid, signal.SIGKILL)
        place.workers.serve(place.folder / "probe", lease="500ms")
        await place.diary.says("holding gate", times=2)
        place.open("gate")

        assert await asyncio.gather(*calls) == ["gate"] * 2
    assert place.diary.lines.count("passed gate") == 1


async def test_failure_under_an_idempotency_key_is_replayed_and_a_refusal_is_not(place):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        once = options(services.probe, idempotency_key="k")
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                await once.fail("ValueError", "no")
        late = options(services.probe, idempotency_key="late", timeout=0.3)
        with pytest.raises(TimeoutError):
            await late.hold("gate")
        place.open("gate")
        assert await options(late, timeout=5).hold("gate") == "gate"


async def test_queued_calls_of_a_caller_that_died_are_not_started_and_those_submitted_are(place, server):
    worker = place.workers.start(place.probe())
    worker.ready()
    assert worker.terminate() == 0
    program = (
        "import asyncio, os, sys\n"
        "from client import connect, submit\n"
        "async def main():\n"
        f"    async with connect({place.url!r}, prefix={place.prefix!r}) as services:\n"
        "        services.probe.mark('queued')\n"
        "        await submit(services.probe.mark, 'submitted')\n"
        "        os._exit(9)\n"
        "asyncio.run(main())\n"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 9  # noqa: ASYNC221
    for channel in server.scan_iter(place.key("reply", "*").replace("{", "[{]")):
        # Its time to live would end it; nobody wants to wait for that.
        server.delete(channel)

    place.workers.serve(place.folder / "probe")
    await place.diary.says("submitted")
    await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "an empty stream")
    assert "queued" not in place.diary.lines


async def test_running_call_is_cancelled_when_its_caller_dies_unless_it_is_detached(place, server):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        calls = [services.probe.hold("gate"), services.probe.hold_detached("detached")]
        await place.diary.says("holding gate")
        await place.diary.says("holding detached")
        # As if the process had died: nobody renews the channel any longer, and its time is over.
        services._caller._replies._tasks[1].cancel()
        for channel in server.scan_iter(place.key("reply", "*").replace("{", "[{]")):
            server.delete(channel)

        await place.diary.says("cancelled gate True")
        place.open("detached")
        await place.diary.says("passed detached")
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, CallCancelled)


async def test_closing_the_connection_cancels_what_runs(place):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        call = services.probe.hold("gate")
        await place.diary.says("holding gate")
    await place.diary.says("cancelled gate True")
    with pytest.raises(CallCancelled):
        await call


async def test_method_of_a_newer_version_is_passed_on_to_a_worker_that_has_it(place):
    place.workers.serve(place.probe())
    old = place.folder / "old"
    old.mkdir()
    (old / "probe.py").write_text(
        "from workers import WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n"
        "    async def only_old(self):\n        return 'old'\n",
        encoding="utf-8",
    )
    (old / "wrangler.jsonc").write_text('{"name": "probe", "main": "probe.py"}', encoding="utf-8")
    for _ in range(3):
        place.workers.serve(old)
    async with place.connect() as services:
        assert await asyncio.gather(*[services.probe.add(n, 1) for n in range(50)]) == list(range(1, 51))
        assert await asyncio.gather(*[services.probe.only_old() for _ in range(50)]) == ["old"] * 50
        with pytest.raises(MethodNotFound):
            await options(services.probe, timeout=5).neither()


async def test_failure_that_nobody_hears_of_becomes_a_dead_letter(place, server):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        await submit(services.probe.fail, "ValueError", "unheard")
        await submit(services.probe.fail, "ValueError", "kept", keep_result=60)
    await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "an empty stream")
    [letter] = dead_letters(server, place)
    assert letter[1:3] == ["failed", "fail raised ValueError"]
    assert letter[7]["error"] == "ValueError: unheard"


async def test_slow_service_does_not_take_the_places_of_its_neighbour(place):
    place.workers.serve(place.probe(), place.front(), "--concurrency", "10")
    async with place.connect() as services:
        slow = [services.probe.hold_quietly("gate") for _ in range(50)]
        await services.front.quick()
        begun = asyncio.get_running_loop().time()
        assert await asyncio.gather(*[services.front.quick() for _ in range(20)]) == ["quick"] * 20
        assert asyncio.get_running_loop().time() - begun < 3
        place.open("gate")
        assert await asyncio.gather(*slow) == ["gate"] * 50


async def test_second_delivery_waits_as_long_as_the_policy_says(place):
    first = place.workers.serve(place.probe(), lease="500ms")
    async with place.connect() as services:
        call = services.probe.hold_with_backoff("gate")
        await place.diary.says("holding gate")
        os.kill(first.pid, signal.SIGKILL)
        place.workers.serve(place.folder / "probe", lease="500ms")
        begun = asyncio.get_running_loop().time()
        await place.diary.says("holding gate", times=2)
        assert asyncio.get_running_loop().time() - begun > 1
        place.open("gate")
        assert await call == "gate"


async def test_many_calls_of_a_lost_worker_are_all_taken_over(place, server):
    first = place.workers.start(place.probe(), "--concurrency", "200", lease="500ms")
    first.ready()
    async with place.connect() as services:
        calls = [services.probe.hold_quietly("gate") for _ in range(200)]
        await until(lambda: _pending(server, place) == 200, "all calls to be read")
        os.kill(first.pid, signal.SIGKILL)
        place.open("gate")
        place.workers.serve(place.folder / "probe", lease="500ms")
        assert await asyncio.gather(*calls) == ["gate"] * 200


def _pending(server, place):
    return server.xpending(place.key("calls", "Default"), "workers")["pending"]


async def test_flushed_redis_is_repaired_by_callers_and_workers(place, server):
    place.workers.serve(place.probe(), lease="1s")
    async with place.connect() as services:
        assert await services.probe.add(1, 2) == 3
        for key in server.scan_iter(place.prefix + "*"):
            server.delete(key)
        # The stream is unknown until the worker has made its group anew.
        await until(lambda: server.exists(place.key("calls", "Default")), "the stream")
        assert await services.probe.add(2, 2) == 4

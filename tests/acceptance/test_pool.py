"""Worker processes: how they start, share the work, and end. On a real server only."""

import asyncio
import os
import signal
import time
from collections import Counter

import pytest

from client import Overloaded, ServiceUnavailable, options
from tests.support.workers import WorkerProcess, until

pytestmark = pytest.mark.redis


async def test_three_processes_share_ten_thousand_calls_and_every_answer_is_right(place, server):
    pool = place.workers.start(place.probe(), "--processes", "3", lease="5s")
    pids = pool.ready(processes=3)
    took_part: Counter[int] = Counter()
    async with place.connect() as services:

        async def call(number):
            total, pid = await services.probe.add_here(number, 1)
            took_part[pid] += 1
            return total == number + 1

        assert all(await asyncio.gather(*[call(number) for number in range(10_000)]))

    assert set(took_part) == set(pids)
    assert server.xlen(place.key("calls", "Default")) == 0
    assert pool.terminate() == 0


async def test_crashed_process_is_replaced(place):
    pool = place.workers.start(place.probe(), "--processes", "2")
    first, _ = pool.ready(processes=2)

    os.kill(first, signal.SIGKILL)

    (replacement,) = pool.ready()
    assert replacement != first
    async with place.connect() as services:
        assert await services.probe.add(1, 2) == 3
    assert pool.terminate() == 0
    assert any(f"worker process {first} ended with -9" in line for line in pool.errors)


async def test_sigterm_lets_the_slow_call_finish_and_takes_no_other(place, server):
    worker = place.workers.serve(place.probe(), lease="1s")
    async with place.connect() as services:
        slow = services.probe.hold("slow")
        behind = services.probe.signup("behind")
        await place.diary.says("holding slow")
        assert await behind == "Success"

        worker.signal(signal.SIGTERM)
        await until(lambda: _reader_stopped(server), "the end of reading")
        late = services.probe.mark("late")
        place.open("slow")
        assert await slow == "slow"
        assert worker.running
        place.open("behind")

        assert worker.ended() == 0
        assert "late" not in place.diary.lines
        assert "told behind" in place.diary.lines
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late


def _reader_stopped(server) -> bool:
    readers = [client for client in server.client_list() if client["name"].startswith("callyard-reader-")]
    return all("b" not in client["flags"] for client in readers)


async def test_pool_of_processes_drains_on_sigterm(place):
    pool = place.workers.start(place.probe(), "--processes", "2")
    pool.ready(processes=2)
    async with place.connect() as services:
        slow = [services.probe.hold("slow") for _ in range(4)]
        await place.diary.says("holding slow", times=4)
        pool.signal(signal.SIGTERM)
        place.open("slow")

        assert await asyncio.gather(*slow) == ["slow"] * 4
    assert pool.ended() == 0


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_second_sigterm_gives_the_calls_back_to_other_workers_at_once(place, processes):
    first = place.workers.start(place.probe(), "--processes", processes, lease="60s")
    first.ready(int(processes))
    async with place.connect() as services:
        held = services.probe.hold("gate")
        await place.diary.says("holding gate")

        first.signal(signal.SIGTERM)
        first.signal(signal.SIGTERM)
        first.signal(signal.SIGINT)
        assert first.ended() == 4

        place.workers.serve(place.folder / "probe", lease="60s")
        await place.diary.says("holding gate", times=2)
        place.open("gate")
        assert await held == "gate"


@pytest.mark.parametrize("method", ["block", "hold_stubbornly"])
async def test_method_that_cannot_be_stopped_does_not_keep_the_process_after_its_grace_period(place, method):
    worker = place.workers.start(place.probe(), "--grace", "200ms")
    worker.ready()
    async with place.connect() as services:
        held = getattr(services.probe, method)("gate")
        await place.diary.says("blocking gate")
        begun = time.monotonic()

        assert worker.terminate() == 4
        assert time.monotonic() - begun < 8
        held.cancel()


async def test_end_of_the_grace_period_exits_with_four(place):
    worker = place.workers.start(place.probe(), "--grace", "200ms")
    worker.ready()
    async with place.connect() as services:
        held = services.probe.hold("gate")
        await place.diary.says("holding gate")

        assert worker.terminate() == 4
        held.cancel()


async def test_two_workers_started_apart_share_the_work(place):
    folder = place.probe()
    for _ in range(2):
        place.workers.start(folder, "--concurrency", "1")
    for worker in place.workers.started:
        worker.ready()
    async with place.connect() as services:
        held = [services.probe.hold("gate") for _ in range(2)]
        await place.diary.says("holding gate", times=2)
        place.open("gate")
        assert await asyncio.gather(*held) == ["gate"] * 2


async def test_full_service_refuses_at_once_and_takes_calls_again_later(place):
    place.workers.serve(place.probe(), "--concurrency", "1", "--backlog", "3")
    async with place.connect() as services:
        held = [services.probe.hold("gate") for _ in range(3)]
        begun = time.monotonic()
        with pytest.raises(Overloaded) as caught:
            await services.probe.add(1, 2)
        assert time.monotonic() - begun < 5
        assert caught.value.retry_after > 0
        assert caught.value.retryable

        place.open("gate")
        assert await asyncio.gather(*held) == ["gate"] * 3
        assert await services.probe.add(1, 2) == 3


def test_check_prints_the_plan_without_a_broker(place):
    arguments = (place.probe(), place.front(), "--check", "--broker", "redis://:hunter2@localhost:1/0")
    check = WorkerProcess(*arguments)

    assert check.ended() == 0
    said = "".join(check.output)
    for part in ("probe", "front", "PROBE", "Admin", "add", "entrypoint Default"):
        assert part in said
    assert "hunter2" not in said
    assert "hush" not in said


def test_ready_line_names_services_process_and_broker(place):
    worker = place.workers.serve(place.probe(), place.front())

    line = next(line for line in worker.output if line.startswith("ready "))
    for part in ("probe#Default", "probe#Admin", "front#Default", f"pid={worker.pid}", f"broker={place.url}"):
        assert part in line


WRONG = {
    "no such folder": (["nowhere"], "nowhere"),
    "an unknown setting": (["probe", "--lease", "soon"], "--lease"),
    "an unknown flag": (["probe", "--nonsense", "1"], "--nonsense"),
    "no class of that name": (["json:Nothing"], "Nothing"),
    "a variable without a value": (["probe", "--var", "A"], "--var"),
    "a broker that is no URL": (["probe", "--broker", "localhost"], "redis://"),
    "two services of one name": (["probe", "probe"], "wrangler.jsonc are both called 'probe'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_configuration_exits_with_two_and_one_clear_line(place, what):
    place.probe()
    arguments, named = WRONG[what]
    folders = [place.folder / argument if argument == "probe" else argument for argument in arguments]
    worker = WorkerProcess(*folders)

    assert worker.ended() == 2
    said = "".join(worker.errors)
    assert named in said
    assert "Traceback" not in said


def test_unknown_key_of_a_binding_exits_with_two_and_names_file_and_key(place):
    folder = place.probe()
    (folder / "wrangler.jsonc").write_text('{"name": "probe", "main": "probe.py", "vars": 3}', encoding="utf-8")
    worker = WorkerProcess(folder)

    assert worker.ended() == 2
    (line,) = worker.errors
    assert "wrangler.jsonc" in line
    assert "vars" in line


@pytest.mark.parametrize("processes", ["1", "2"])
def test_no_redis_exits_with_three_and_one_clear_line(place, processes):
    worker = WorkerProcess(
        place.probe(), "--broker", "redis://localhost:1", "--connect-timeout", "300ms", "--processes", processes
    )

    assert worker.ended() == 3
    said = "".join(worker.errors)
    assert "redis://localhost:1" in said
    assert "Traceback" not in said


def test_wrong_password_exits_with_three_at_once_and_never_shows_it(place):
    url = place.url.replace("redis://", "redis://somebody:hunter2@")
    worker = WorkerProcess(place.probe(), "--broker", url)

    assert worker.ended() == 3
    (line,) = worker.errors
    assert "refuses the user or the password" in line
    assert "hunter2" not in line


async def test_worker_that_ends_leaves_no_consumer_and_no_card(place, server):
    worker = place.workers.serve(place.probe())
    async with place.connect() as services:
        assert await services.probe.add(1, 2) == 3

    assert worker.terminate() == 0
    assert server.xinfo_consumers(place.key("calls", "Default"), "workers") == []
    assert list(server.scan_iter(place.key("worker", "*").replace("{", "[{]"))) == []


async def test_sigterm_ends_an_idle_worker_at_once_whatever_its_lease(place):
    worker = place.workers.serve(place.probe(), lease="60s")
    begun = time.monotonic()

    assert worker.terminate() == 0
    assert time.monotonic() - begun < 1.5


async def test_entrypoint_that_a_new_version_no_longer_offers_is_unavailable(place):
    folder = place.probe()
    place.workers.serve(folder)
    async with place.connect() as services:
        assert await services.service("probe", entrypoint="Admin").role() == "nobody"
        with pytest.raises(ServiceUnavailable):
            await options(services.service("probe", entrypoint="Other"), timeout=5).role()

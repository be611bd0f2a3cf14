"""`--health` of worker processes: ready, draining, live while a method blocks the loop. On a real server only."""

import asyncio
import signal
import urllib.error
import urllib.request

import pytest

from tests.support.workers import PATIENCE, WorkerProcess, until

pytestmark = pytest.mark.redis


def address(worker: WorkerProcess) -> str:
    (line,) = [line for line in worker.output if line.startswith("health at ")]
    return line.split()[2].removesuffix("/ready")


def ask(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return response.status, response.read().decode().strip()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode().strip()


@pytest.mark.parametrize("processes", ["1", "2"])
async def test_ready_from_the_ready_line_on_and_not_while_draining(place, processes):
    worker = place.workers.start(place.probe(), "--health", "127.0.0.1:0", "--processes", processes)
    worker.ready(int(processes))
    url = address(worker)
    await until(lambda: ask(f"{url}/ready") == (200, "ready"), "readiness")
    assert ask(f"{url}/live") == (200, "live")
    async with place.connect() as services:
        held = services.probe.hold("gate")
        await place.diary.says("holding gate")
        worker.signal(signal.SIGTERM)
        await until(lambda: ask(f"{url}/ready") == (503, "draining"), "the drain")
        assert ask(f"{url}/live") == (200, "live")
        place.open("gate")
        assert await held == "gate"
    assert worker.ended() == 0


async def test_it_answers_while_a_method_blocks_the_event_loop(place):
    worker = place.workers.start(place.probe(), "--health", "127.0.0.1:0")
    worker.ready()
    url = address(worker)
    async with place.connect() as services:
        blocked = services.probe.block_loop("gate")
        await place.diary.says("blocking loop gate")
        assert await asyncio.to_thread(ask, f"{url}/ready") == (200, "ready")
        assert (await asyncio.to_thread(ask, f"{url}/live"))[0] == 200
        place.open("gate")
        assert await blocked == "gate"


def test_it_is_not_ready_before_there_is_a_redis(place):
    worker = WorkerProcess(
        place.probe(), "--broker", "redis://127.0.0.1:1", "--connect-timeout", "3s", "--health", "127.0.0.1:0"
    )
    while not worker.output:
        assert worker.running
    assert ask(f"{address(worker)}/ready") == (503, "starting")
    worker.close()


def test_port_that_cannot_be_had_exits_with_two_and_one_line(place):
    worker = WorkerProcess(place.probe(), "--broker", place.url, "--health", "192.0.2.1:80")

    assert worker.ended() == 2
    (line,) = worker.errors
    assert "--health 192.0.2.1:80" in line


def test_address_without_a_port_exits_with_two(place):
    worker = WorkerProcess(place.probe(), "--health", "localhost")

    assert worker.ended() == 2
    assert "HOST:PORT" in "".join(worker.errors)

"""`dev` and `--reload`: a new version takes over within a second, and no call is lost. On a real server only."""

import asyncio
import os
import re
import signal
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from client import connect
from tests.support.workers import PATIENCE, WorkerProcess, until

pytestmark = pytest.mark.redis

SERVICE = """
    import asyncio
    from pathlib import Path
    from workers import WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def version(self) -> int:
            return {version}

        async def hold(self, gate: str) -> int:
            while not Path(gate).exists():
                await asyncio.sleep(0.01)
            return {version}

        async def fail(self):
            raise ValueError("boom")

        async def die(self):
            import os
            os._exit(7)
"""


class Edited:
    """A service whose file is edited while it is served."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "edited.py"
        folder.mkdir()
        (folder / "wrangler.toml").write_text('name = "edited"\nmain = "edited.py"\n[vars]\nWORD = "one"\n')
        self.write(1)

    def write(self, version: int) -> None:
        self.file.write_text(textwrap.dedent(SERVICE.format(version=version)))

    def break_it(self) -> None:
        self.file.write_text("class Default(:\n")


@pytest.fixture
def edited(tmp_path):
    return Edited(tmp_path / "edited")


@pytest.fixture
def reloaded(place, edited):
    worker = place.workers.start(edited.folder, "--reload", "--grace", "10s")
    worker.ready()
    return worker


async def version_is(services, wanted):
    async def reached():
        return await services.edited.version() == wanted

    give_up = time.monotonic() + PATIENCE
    while not await reached():
        assert time.monotonic() < give_up


async def test_new_version_answers_within_a_second_of_the_change(place, edited, reloaded):
    async with place.connect() as services:
        assert await services.edited.version() == 1
        taken: list[float] = []
        # A machine with other work may be slow, but not every time.
        while len(taken) < 6 and min(taken, default=9) > 1.0:
            edited.write(version := 2 + len(taken))
            begun = time.monotonic()
            await version_is(services, version)
            taken.append(time.monotonic() - begun)
        assert min(taken) < 1.0, taken
    assert reloaded.terminate() == 0


async def test_calls_in_flight_end_in_the_version_that_began_them_and_none_is_lost(place, edited, reloaded, tmp_path):
    gate = tmp_path / "gate"
    async with place.connect() as services:
        held = services.edited.hold(str(gate))
        answers: set[int] = set()
        going = True

        async def keep_calling():
            while going:
                answers.add(await services.edited.version())

        callers = [asyncio.create_task(keep_calling()) for _ in range(5)]
        edited.write(2)
        await until(lambda: 2 in answers, "an answer of the new version")
        edited.write(3)
        await until(lambda: 3 in answers, "an answer of the newest version")
        going = False
        await asyncio.gather(*callers)
        gate.touch()
        assert await held == 1
    assert reloaded.terminate() == 0


async def test_syntax_error_keeps_the_old_version_serving_and_is_shown(place, edited, reloaded):
    async with place.connect() as services:
        edited.break_it()
        await until(lambda: any("goes on serving" in line for line in reloaded.errors), "the news of the failure")
        assert any(re.search(r"edited\.py:1: SyntaxError", line) for line in reloaded.errors)
        assert await services.edited.version() == 1
        edited.write(2)
        await version_is(services, 2)


async def test_broken_at_the_start_waits_for_the_cure(place, edited):
    edited.break_it()
    worker = place.workers.start(edited.folder, "--reload")
    await until(lambda: any("waiting for a change" in line for line in worker.errors), "the wait")
    edited.write(5)
    worker.ready()
    async with place.connect() as services:
        assert await services.edited.version() == 5


async def test_process_that_dies_is_replaced(place, edited, reloaded):
    os.kill(pid := _pid(reloaded), signal.SIGKILL)
    (replacement,) = reloaded.ready()
    assert replacement != pid
    async with place.connect() as services:
        assert await services.edited.version() == 1


def _pid(worker: WorkerProcess) -> int:
    (line,) = [line for line in worker.output if line.startswith("ready ")]
    return int(line.partition("pid=")[2].split()[0])


async def test_many_processes_are_replaced_together(place, edited):
    worker = place.workers.start(edited.folder, "--reload", "--processes", "2", "--health", "127.0.0.1:0")
    worker.ready(2)
    (line,) = [line for line in worker.output if line.startswith("health at ")]
    await until(lambda: _status(line.split()[2]) == 200, "readiness")
    edited.write(2)
    worker.ready(2)
    async with place.connect() as services:
        await version_is(services, 2)
    assert worker.terminate() == 0


async def test_without_its_reloader_the_worker_drains_and_ends(place, edited, reloaded):
    pid = _pid(reloaded)
    reloaded.signal(signal.SIGKILL)
    await until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the worker")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_ends_it_with_zero(reloaded, number):
    reloaded.signal(number)
    assert reloaded.ended() == 0


async def test_dev_embeds_a_broker_and_logs_each_call(edited, tmp_path):
    worker = WorkerProcess("dev", edited.folder)
    try:
        worker.ready()
        url = next(line.split()[-1] for line in worker.output if line.startswith("embedded broker"))
        async with connect(url) as services:
            assert await services.edited.version() == 1
            with pytest.raises(ValueError, match="boom"):
                await services.edited.fail()
            with pytest.raises(AttributeError):
                await services.edited.nothing()
            await until(lambda: len(logged(worker)) >= 3, "the log")
        first, second, third = logged(worker)
        assert re.fullmatch(r"\d\d:\d\d:\d\d edited\.version +\d+\.\d ms  ok\n", first)
        raised = r"raised ValueError: boom \(edited\.py:\d+\)"
        assert re.fullmatch(rf"\d\d:\d\d:\d\d edited\.fail +\d+\.\d ms  {raised}\n", second)
        assert re.match(r"\d\d:\d\d:\d\d edited\.nothing +-  refused MethodNotFound: ", third)
        (edited.folder / "wrangler.toml").write_text('name = "edited2"\nmain = "edited.py"\n')
        worker.ready()
        assert any("edited2#Default" in line for line in worker.output)
    finally:
        code = worker.terminate()
    assert code == 0


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            return response.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def logged(worker: WorkerProcess) -> list[str]:
    return [line for line in worker.output if re.match(r"\d\d:\d\d:\d\d ", line)]


def test_dev_checks_too(edited):
    worker = WorkerProcess("dev", "--check", edited.folder)
    assert worker.ended() == 0
    assert "service edited\n" in worker.output
    assert "broker embedded\n" in worker.output


def test_broker_and_embedded_exclude_each_other(edited):
    worker = WorkerProcess(edited.folder, "--embedded", "--broker", "redis://localhost")
    assert worker.ended() == 2
    assert "not allowed with" in "".join(worker.errors)

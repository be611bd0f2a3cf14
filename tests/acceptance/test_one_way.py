"""One-way calls, and results that are kept for whoever asks."""

import asyncio
import subprocess
import sys

import pytest

from client import CallTimeout, connect_blocking, options, submit
from tests.support.workers import ROOT, until


async def test_submitted_call_runs(services, stage):
    call_id = await submit(services.probe.mark, "submitted")

    assert call_id.endswith("@probe")
    await stage.diary.says("submitted")


async def test_kept_result_is_there_for_another_connection(services, stage):
    call_id = await submit(services.probe.add, 40, 2, keep_result=60)

    async with stage.connect() as others:
        assert await others.result(call_id) == 42
        assert await others.result(call_id) == 42


async def test_kept_result_is_waited_for_while_the_method_runs(services, stage):
    call_id = await submit(services.probe.hold, "kept-gate", keep_result=60)
    await stage.diary.says("holding kept-gate")
    async with stage.connect() as others:
        with pytest.raises(CallTimeout):
            await others.result(call_id, timeout=0.1)
        waiting = asyncio.create_task(others.result(call_id))

        stage.open("kept-gate")

        assert await waiting == "kept-gate"


async def test_kept_failure_is_raised_to_whoever_asks(services, stage):
    call_id = await submit(services.probe.fail, "KeyError", "k", keep_result=60)

    async with stage.connect() as others:
        with pytest.raises(KeyError) as caught:
            await others.result(call_id)
    assert caught.value.remote is True


async def test_keep_result_may_be_an_option_of_the_stub(services):
    call_id = await submit(options(services.probe, keep_result=60).add, 1, 2)

    assert await services.result(call_id) == 3


async def test_answered_call_may_be_kept_too(services):
    call = options(services.probe, keep_result=60).add(1, 2)

    assert await call == 3
    assert await services.result(call.call_id) == 3


async def test_kept_result_of_a_call_with_background_tasks(services, stage):
    call_id = await submit(services.probe.signup, "kept-signup", keep_result=60)

    assert await services.result(call_id) == "Success"
    stage.open("kept-signup")
    await stage.diary.says("told kept-signup")


async def test_blocking_client_reads_a_kept_result(services, stage):
    call_id = await submit(services.probe.add, 1, 2, keep_result=60)

    with connect_blocking(stage.url, prefix=stage.prefix) as blocking:
        assert await asyncio.to_thread(blocking.result, call_id) == 3


async def test_blocking_client_submits(stage):
    def submitted():
        with connect_blocking(stage.url, prefix=stage.prefix) as blocking:
            kept = blocking.submit(blocking.probe.add, 1, b=2, keep_result=60)
            blocking.submit(options(blocking.probe, timeout=30).mark, "blocking")
            return blocking.result(kept)

    assert await asyncio.to_thread(submitted) == 3
    await stage.diary.says("blocking")


async def test_a_submit_that_nobody_would_await_is_refused_at_once(stage):
    def refused():
        with connect_blocking(stage.url, prefix=stage.prefix) as blocking:
            with pytest.raises(TypeError, match=r"services\.submit"):
                submit(blocking.probe.mark, "lost")
            with pytest.raises(TypeError, match="takes a method of a stub"):
                blocking.submit(blocking.probe)

    await asyncio.to_thread(refused)


@pytest.mark.parametrize("call_id", ["nonsense", "", "0123456789abcdef.7@probe", "0123456789abcdef.7@nowhere"])
async def test_unknown_result_is_a_lookup_error(services, call_id):
    with pytest.raises(LookupError):
        await services.result(call_id)


async def test_result_that_was_not_kept_is_a_lookup_error(services):
    with pytest.raises(LookupError):
        await services.result(await submit(services.probe.add, 1, 2))


async def test_kept_result_expires(services, stage, broker):
    call_id = await submit(services.probe.add, 1, 2, keep_result=0.2)
    key = stage.key("result", call_id.partition("@")[0])

    await until(lambda: not broker.exists(key), "the result to expire")
    with pytest.raises(LookupError):
        await services.result(call_id)


CALLER = """
import asyncio, os, sys
from client import connect, submit

async def main():
    async with connect(sys.argv[1], prefix=sys.argv[2]) as services:
        print(await submit(services.probe.hold, "orphan-gate", keep_result=60), flush=True)
        os._exit(1)

asyncio.run(main())
"""


async def test_submitted_call_survives_its_caller(services, stage):
    died = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", CALLER, stage.url, stage.prefix],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert died.returncode == 1, died.stderr
    await stage.diary.says("holding orphan-gate")

    stage.open("orphan-gate")

    assert await services.result(died.stdout.strip()) == "orphan-gate"

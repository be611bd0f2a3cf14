"""Deadlines and cancelling: what is late is not started, and what nobody waits for is ended."""

import asyncio
import time

import anyio
import pytest

from client import CallTimeout, options, submit
from worker_runtime.testing import serve
from workers import WorkerEntrypoint


async def test_timeout_option_ends_the_wait_and_the_method(services, stage):
    with pytest.raises(CallTimeout, match=r"probe\.hold") as caught:
        await options(services.probe, timeout=0.3).hold("by-option")

    assert isinstance(caught.value, TimeoutError)
    await stage.diary.says("cancelled by-option True")


async def test_leaving_the_scope_of_fail_after_cancels_the_method(services, stage):
    with pytest.raises(TimeoutError):
        with anyio.fail_after(0.3):
            await services.probe.hold("by-fail-after")

    await stage.diary.says("cancelled by-fail-after True")


async def test_deadline_of_fail_after_is_the_deadline_of_the_call(services):
    with anyio.fail_after(5):
        assert (await services.probe.context())["left"] <= 5


async def test_leaving_the_scope_of_asyncio_timeout_cancels_the_method(services, stage):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await services.probe.hold("by-asyncio")

    await stage.diary.says("cancelled by-asyncio True")


async def test_cancelling_the_waiting_task_cancels_the_method_long_before_its_deadline(services, stage):
    waiting = asyncio.ensure_future(services.probe.hold("by-task"))
    await stage.diary.says("holding by-task")

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await stage.diary.says("cancelled by-task True")


async def test_cancelling_a_call_cancels_the_call_that_it_made_in_turn(services, stage):
    call = services.front.hold("two-deep")
    await stage.diary.says("holding two-deep")

    call.cancel()

    await stage.diary.says("cancelled two-deep True")


class UsesUpItsTime(WorkerEntrypoint):
    async def late(self):
        """As a nested call whose deadline, being the same, is noticed a moment before this one's."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CallTimeout("nested gave no answer by its deadline.") from None


async def test_a_nested_call_that_uses_up_the_time_makes_a_timeout_of_the_call():
    async with serve(UsesUpItsTime) as service:
        # A kept result has no caller whose own timer could be faster than the answer.
        call_id = await submit(options(service.stub, timeout=0.1, keep_result=60).late)
        with pytest.raises(CallTimeout, match="was cancelled at its deadline"):
            await service.services.result(call_id)


async def test_deadline_bounds_nested_calls(services):
    assert await options(services.front, timeout=4).inner_left() <= 4


async def test_timeout_of_a_policy_bounds_nested_calls(services):
    assert await services.front.inner_left_by_policy() <= 3


async def test_timeout_that_has_passed_is_refused_without_a_call(services):
    with pytest.raises(CallTimeout) as caught:
        await options(services.probe, timeout=-1).add(1, 2)

    assert caught.value.executed == "no"


async def test_queued_call_whose_deadline_passed_is_never_started(place, server):
    busy = place.workers.serve(place.probe(), "--concurrency", "1", lease="1s")
    async with place.connect() as services:
        holding = services.probe.hold("first")
        await place.diary.says("holding first")
        with pytest.raises(CallTimeout):
            await options(services.probe, timeout=0.3).mark("too late")

        place.open("first")
        assert await holding == "first"
        assert await services.probe.mark("in time") == "in time"

    assert busy.terminate() == 0
    assert "too late" not in place.diary.lines
    assert server.xlen(place.key("calls", "Default")) == 0


async def test_call_that_expired_while_no_worker_was_there_is_never_started(place, server):
    folder = place.probe()
    assert place.workers.serve(folder).terminate() == 0
    async with place.connect() as services:
        with pytest.raises(CallTimeout):
            await options(services.probe, timeout=0.2).mark("too late")
        with pytest.raises(CallTimeout):
            await options(services.probe, timeout=0.2).mark("too late")

        place.workers.serve(folder)
        assert await services.probe.mark("in time") == "in time"
    assert place.diary.lines == ["in time"]


async def test_call_waits_for_a_worker_that_comes_later(place):
    folder = place.probe()
    assert place.workers.serve(folder).terminate() == 0
    async with place.connect() as services:
        call = services.probe.add(1, 2)
        await submit(services.probe.mark, "waited")

        place.workers.serve(folder)

        assert await call == 3
        await place.diary.says("waited")


async def test_cancelling_a_queued_call_stops_it_from_starting(place, server):
    busy = place.workers.serve(place.probe(), "--concurrency", "1", lease="1s")
    async with place.connect() as services:
        holding = services.probe.hold("first")
        await place.diary.says("holding first")
        queued = services.probe.mark("given up")
        with anyio.move_on_after(0.2):
            await queued
        other = services.probe.mark("wanted")

        place.open("first")
        assert await holding == "first"
        assert await other == "wanted"

    assert busy.terminate() == 0
    assert "given up" not in place.diary.lines
    assert server.xlen(place.key("calls", "Default")) == 0


async def test_call_cancelled_in_the_tick_that_made_it_is_never_sent(services, stage):
    call = services.probe.mark("never sent")
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert await services.probe.mark("sent after it") == "sent after it"
    assert "never sent" not in stage.diary.lines


async def test_method_in_a_thread_ends_for_its_caller_at_the_deadline(services, stage):
    begun = time.monotonic()
    with pytest.raises(CallTimeout):
        await options(services.probe, timeout=0.3).block("thread-deadline")

    assert time.monotonic() - begun < 3
    stage.open("thread-deadline")

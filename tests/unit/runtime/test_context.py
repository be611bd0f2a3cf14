"""`ctx`: background tasks, abort, deadline, and the names that work anywhere inside a call."""

import asyncio
import concurrent.futures
import contextvars
import logging
from collections.abc import Awaitable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from worker_runtime.context import ABORTED, OUT_OF_TIME, CallAborted, Context, DrainOutcome, current
from worker_runtime.env import importable


@dataclass
class Running:
    ctx: Context
    env: Any


def a_context(**options: Any) -> Context:
    return Context("a.1", asyncio.get_running_loop(), **options)


async def test_a_task_starts_at_once_and_drain_waits_for_it() -> None:
    ctx, started, release = a_context(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        await release.wait()

    assert ctx.waitUntil(work()) is None  # pyright: ignore[reportUnnecessaryComparison]
    await started.wait()
    assert len(ctx.tasks) == 1
    release.set()
    assert await ctx.drain(10) == DrainOutcome(failed=0, cancelled=0)
    assert not ctx.tasks


async def test_coroutines_tasks_futures_and_any_awaitable_are_taken() -> None:
    ctx, seen = a_context(), list[str]()

    async def work(name: str) -> None:
        seen.append(name)

    class Custom:
        def __await__(self) -> Generator[Any, None, None]:
            return work("custom").__await__()

    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    threaded: concurrent.futures.Future[None] = concurrent.futures.Future()
    threaded.set_result(None)
    for awaitable in (work("coroutine"), asyncio.create_task(work("task")), Custom(), future, threaded):
        ctx.wait_until(awaitable)
    assert await ctx.drain(10) == (0, 0)
    assert sorted(seen) == ["coroutine", "custom", "task"]


async def test_what_cannot_be_awaited_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        a_context().waitUntil(3)  # type: ignore[arg-type]


async def test_a_failure_is_logged_and_counted_and_its_siblings_go_on(caplog: pytest.LogCaptureFixture) -> None:
    ctx, done, release = a_context(), list[int](), asyncio.Event()

    async def fail() -> None:
        release.set()
        raise ValueError("boom")

    async def work() -> None:
        await release.wait()
        done.append(1)

    ctx.waitUntil(work())
    ctx.waitUntil(fail())
    assert await ctx.drain(10) == DrainOutcome(failed=1, cancelled=0)
    assert done == [1]
    assert "boom" in caplog.text


async def test_a_failed_task_that_is_registered_twice_counts_once() -> None:
    ctx = a_context()

    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    ctx.waitUntil(task)
    ctx.waitUntil(task)
    assert (await ctx.drain(10)).failed == 1


async def test_tasks_may_register_further_tasks_and_drain_waits_for_those_too() -> None:
    ctx, seen = a_context(), list[int]()

    async def work(left: int) -> None:
        await asyncio.get_running_loop().run_in_executor(None, int)
        seen.append(left)
        if left:
            ctx.waitUntil(work(left - 1))

    ctx.waitUntil(work(3))
    assert await ctx.drain(10) == (0, 0)
    assert seen == [3, 2, 1, 0]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
async def test_a_task_that_would_stop_the_process_only_fails(error: type[BaseException]) -> None:
    ctx = a_context()

    async def leave() -> None:
        raise error

    ctx.waitUntil(leave())
    assert (await ctx.drain(10)).failed == 1


async def test_leftovers_are_cancelled_with_the_line_that_people_know(caplog: pytest.LogCaptureFixture) -> None:
    ctx, cancelled = a_context(), asyncio.Event()

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    ctx.waitUntil(hang())
    with caplog.at_level(logging.WARNING):
        assert await ctx.drain(0.01) == DrainOutcome(failed=0, cancelled=1)
    assert cancelled.is_set()
    assert OUT_OF_TIME in caplog.text


async def test_cancelling_a_drain_cancels_its_tasks() -> None:
    ctx, started, cancelled = a_context(), asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    ctx.waitUntil(hang())
    draining = asyncio.create_task(ctx.drain(60))
    await started.wait()
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining
    await asyncio.wait_for(cancelled.wait(), 10)


async def test_after_the_drain_no_task_is_taken() -> None:
    ctx = a_context()
    await ctx.drain(1)

    async def late() -> None: ...

    with pytest.raises(RuntimeError, match="after the call had ended"):
        ctx.waitUntil(late())


async def test_a_task_registered_in_a_thread_runs_on_the_loop_inside_the_call() -> None:
    ctx = a_context()
    loop, seen = asyncio.get_running_loop(), list[Any]()

    async def work() -> None:
        seen.append((asyncio.get_running_loop() is loop, importable.env.NAME))

    current.set(Running(ctx, SimpleNamespace(NAME="here")))
    inside = contextvars.copy_context()
    await loop.run_in_executor(None, inside.run, lambda: importable.waitUntil(work()))
    assert await ctx.drain(10) == (0, 0)
    assert seen == [(True, "here")]


async def test_abort_raises_through_every_except_exception_and_keeps_the_very_error() -> None:
    ctx, reason = a_context(), LookupError("gone")

    def careless() -> None:
        try:
            ctx.abort(reason)
        except Exception:
            pytest.fail("an ordinary handler caught it")

    with pytest.raises(CallAborted) as left:
        careless()
    assert left.value.error is reason
    assert ctx.aborted is reason


@pytest.mark.parametrize(("given", "text"), [(None, ABORTED), ("no stock", "no stock"), (3, "3")])
async def test_abort_without_an_error_gives_a_runtime_error(given: object, text: str) -> None:
    ctx = a_context()
    with pytest.raises(CallAborted):
        ctx.abort(given)
    assert isinstance(ctx.aborted, RuntimeError)
    assert str(ctx.aborted) == text


async def test_abort_tells_the_runtime_on_the_loop_once_also_from_a_thread() -> None:
    ctx, told = a_context(), asyncio.Event()
    ctx.on_abort = told.set

    def work() -> None:
        with pytest.raises(CallAborted):
            ctx.abort("first")
        with pytest.raises(CallAborted):
            ctx.abort("second")

    await asyncio.get_running_loop().run_in_executor(None, work)
    await asyncio.wait_for(told.wait(), 10)
    assert str(ctx.aborted) == "first"


async def test_the_deadline_is_an_aware_datetime() -> None:
    assert a_context(expires=1_700_000_000.0).deadline == datetime.fromtimestamp(1_700_000_000, UTC)
    assert a_context().deadline is None


async def test_a_fresh_context_says_what_it_was_given() -> None:
    ctx = a_context(attempt=2, props={"role": "admin"})
    assert (ctx.call_id, ctx.attempt, ctx.props, ctx.cancelled, ctx.exports) == (
        "a.1",
        2,
        {"role": "admin"},
        False,
        None,
    )
    assert a_context().props == {}
    ctx.mark_cancelled()
    assert ctx.cancelled


def outside(awaitable: Awaitable[Any]) -> None:
    importable.waitUntil(awaitable)


def test_outside_a_call_the_importable_names_refuse() -> None:
    async def work() -> None: ...

    empty = contextvars.Context()
    with pytest.raises(RuntimeError, match="Disallowed operation called within global scope"):
        empty.run(outside, work())
    with pytest.raises(RuntimeError, match=r"env\.NAME can be read only inside a call"):
        empty.run(lambda: importable.env.NAME)
    assert not empty.run(hasattr, importable.env, "__wrapped__")

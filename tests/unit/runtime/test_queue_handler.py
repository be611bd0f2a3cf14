"""The handler of queues: what may be one, what it gets, and when a batch counts as handled."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from broker.errors import ConfigurationError
from broker.keys import ServiceKeys
from worker_runtime import policy
from worker_runtime.config import Settings
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.queues import MessageBatch
from worker_runtime.queues.handler import Handler
from worker_runtime.queues.verdicts import Verdicts
from worker_runtime.services.service import Service
from worker_runtime.services.serving import Serving

ENV = object()


def handler_of(**members):
    return Handler(Service("s", {"Default": type("Default", (WorkerEntrypoint,), members)}))


async def run(function, **settings):
    service = Service("s", {"Default": type("Default", (WorkerEntrypoint,), {"queue": function})})
    serving = Serving(service, ENV, None, Settings(**settings), ServiceKeys("p", "s"), None, None)
    with ThreadPoolExecutor(1) as threads:
        return await Handler(service).run(MessageBatch("work", [], Verdicts()), serving, threads) is None


async def nothing(self, batch): ...


def only_self(self): ...


def too_many(self, batch, env, ctx, more): ...


async def generator(self, batch):
    yield batch


def plain_generator(self, batch):
    yield batch


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "does not export a queue"),
        ({"queue": 1}, "does not export a queue"),
        ({"queue": property(nothing)}, "does not export a queue"),
        ({"queue": staticmethod(nothing)}, "does not export a queue"),
        ({"queue": only_self}, "cannot be called with a batch"),
        ({"queue": too_many}, "cannot be called with a batch"),
        ({"queue": generator}, "is a generator"),
        ({"queue": plain_generator}, "is a generator"),
    ],
)
def test_what_cannot_handle_a_batch_is_refused_before_the_first_message(members, said):
    with pytest.raises(ConfigurationError, match=said):
        handler_of(**members)


def test_handler_of_a_base_class_counts():
    base = type("Base", (WorkerEntrypoint,), {"queue": nothing})
    assert Handler(Service("s", {"Default": type("Default", (base,), {})})).limit == 900


async def test_handler_gets_as_much_as_it_takes():
    got = []

    async def one(self, batch):
        got.append((batch.queue,))

    async def two(self, batch, env):
        got.append((batch.queue, env is self.env is ENV))

    async def all_there_is(self, *args):
        got.append((args[0].queue, args[1] is ENV, args[2] is self.ctx))

    for function in (one, two, all_there_is):
        assert await run(function)
    assert got == [("work",), ("work", True), ("work", True, True)]


async def test_plain_handler_runs_in_a_thread_unless_it_is_inline():
    threads = []

    def queue(self, batch):
        threads.append(threading.current_thread() is threading.main_thread())

    assert await run(queue)
    assert await run(queue, inline=True)
    assert await run(policy(inline=True)(queue))
    assert threads == [False, True, True]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit])
@pytest.mark.parametrize("plain", [False, True])
async def test_whatever_the_handler_raises_fails_the_batch_and_no_more(error, plain):
    if plain and error is StopIteration:

        def queue(self, batch):
            next(iter([]))
    elif plain:

        def queue(self, batch):
            raise error
    else:

        async def queue(self, batch):
            raise error

    assert not await run(queue)


async def test_background_tasks_count():
    done = []

    async def task(error=None):
        await asyncio.sleep(0.01)
        done.append(error)
        if error:
            raise error

    async def good(self, batch):
        self.ctx.waitUntil(task())

    async def bad(self, batch):
        self.ctx.waitUntil(task(ValueError("no")))

    async def endless(self, batch):
        self.ctx.waitUntil(asyncio.Event().wait())

    assert await run(good)
    assert not await run(bad)
    assert not await run(endless, wait_until_limit=0.05)
    assert len(done) == 2


async def test_handler_that_takes_too_long_is_ended_and_has_failed():
    ended = []

    async def queue(self, batch):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    assert not await run(policy(timeout=0.05)(queue))
    assert ended == [True]


async def test_abort_of_a_background_task_ends_the_handler():
    async def queue(self, batch):
        async def give_up():
            self.ctx.abort("enough")

        self.ctx.waitUntil(give_up())
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        assert not await run(queue)


async def test_cancelled_batch_ends_its_handler_and_its_tasks():
    ended, begun = [], asyncio.Event()

    async def forever(name):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async def queue(self, batch):
        self.ctx.waitUntil(forever("task"))
        await asyncio.sleep(0)
        begun.set()
        await forever("handler")

    running = asyncio.ensure_future(run(queue))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["handler", "task"]

"""Faults that cost a worker, or Redis its memory: every call is answered, and only those under way may run twice."""

import asyncio
import signal

import pytest

from client import CallAbandoned, Overloaded, RpcError, options
from tests.support.load import Load
from tests.support.servers import configured
from tests.support.workers import until

pytestmark = pytest.mark.redis

MOST_UNDER_WAY = Load.CALLERS


async def none_lost(load, *, incidents):
    """The invariant: no error, no wrong answer; an incident doubles what was under way then, and nothing else."""
    await load.end()
    assert load.wrong == {}
    assert load.failed == {}
    runs = load.site.runs()
    assert load.answered <= set(runs)
    doubled = {number for number, count in runs.items() if count > 1}
    assert len(doubled) <= incidents * MOST_UNDER_WAY


async def test_workers_are_killed(load):
    site = load.site
    for _ in range(3):
        await site.kill(site.workers[0])
        site.start_worker()
        await asyncio.to_thread(site.workers[-1].ready)
        await load.goes_on()
    await none_lost(load, incidents=3)


async def test_all_workers_are_killed_and_come_back_later(load):
    site = load.site
    await site.kill(*site.workers)
    await asyncio.sleep(1)
    site.start_worker()
    await site.ready()
    await load.goes_on()
    await none_lost(load, incidents=2)


async def test_workers_are_stopped_for_longer_than_a_lease_and_wake_up(load):
    for worker in load.site.workers:
        worker.signal(signal.SIGSTOP)
        await load.goes_on()
        await asyncio.sleep(1.2)
        worker.signal(signal.SIGCONT)
        await load.goes_on()
    await none_lost(load, incidents=2)


async def test_redis_is_flushed(load, server):
    for _ in range(2):
        server.flushall()
        await load.goes_on()
    await none_lost(load, incidents=2)


async def test_redis_is_full_for_a_while_and_says_so(load, server, own_redis):
    with configured(own_redis, maxmemory="1mb", maxmemory_policy="noeviction"):
        await until(lambda: load.failed, "a refusal")
    await load.goes_on()
    await load.end()
    assert load.wrong == {}
    assert {(type(error), error.executed, error.retryable) for error in load.failed.values()} == {
        (Overloaded, "no", True)
    }
    # What was refused was not run, and what was taken was answered.
    assert not set(load.failed) & set(load.site.runs())


async def test_redis_that_stays_away_past_the_deadline_is_a_typed_error_that_says_what_may_have_run(load):
    site = load.site
    stub = options(load._stub, timeout=1.5)
    held = asyncio.ensure_future(stub.note(-1, 5.0))
    await until(lambda: -1 in site.runs(), "the call to run")
    await site.callers.down()
    queued = asyncio.ensure_future(stub.note(-2))
    for call in (held, queued):
        with pytest.raises(RpcError) as caught:
            await call
        assert caught.value.executed == "maybe"
    await site.callers.up()
    await load.goes_on()
    await none_lost(load, incidents=1)


async def test_at_most_once_holds_when_its_worker_is_killed(load):
    site = load.site
    once = options(load._stub, retries=0)
    calls = [asyncio.ensure_future(once.note(-number, 30.0)) for number in range(1, 11)]
    await until(lambda: all(-number in site.runs() for number in range(1, 11)), "the calls to run")
    await site.kill(*site.workers)
    site.start_worker()
    await site.ready()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CallAbandoned}
    assert all(site.runs()[-number] == 1 for number in range(1, 11))
    await none_lost(load, incidents=2)

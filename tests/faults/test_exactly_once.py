"""Faults of which nobody is to notice anything: every call is answered, and run exactly once.

No worker dies here. What breaks is the way to Redis, or Redis holds its breath.
"""

import asyncio
import signal

import pytest
import redis

from broker.keys import GROUP
from tests.support.load import Site
from tests.support.relay import Relay
from tests.support.servers import port_of
from tests.support.workers import until

pytestmark = pytest.mark.redis

CALLS = "callyard:{ledger}:calls:Default"


async def all_once(load, server):
    """The invariant: no error, no wrong answer, one run for each call, nothing left in Redis."""
    await load.end()
    assert load.wrong == {}
    assert load.failed == {}
    runs = load.site.runs()
    assert set(runs) == load.answered
    assert {number for number, count in runs.items() if count > 1} == set()
    await until(lambda: server.xlen(CALLS) == 0, "an empty stream")
    assert server.xpending(CALLS, GROUP)["pending"] == 0
    assert server.xlen("callyard:{ledger}:dead") == 0


def debug_sleep(url, seconds):
    with redis.Redis.from_url(url, protocol=2, socket_timeout=60) as client:
        client.execute_command("DEBUG", "SLEEP", str(seconds))


async def test_callers_connections_break_again_and_again(load, server):
    for _ in range(5):
        load.site.callers.cut()
        await load.goes_on()
    await all_once(load, server)


async def test_workers_connections_break_again_and_again(load, server):
    for _ in range(5):
        load.site.network.cut()
        await load.goes_on()
    await all_once(load, server)


async def test_replies_of_redis_to_the_caller_are_lost_after_it_took_the_calls(load, server):
    for _ in range(3):
        load.site.callers.withhold()
        await load.site.callers.withheld.wait()
        load.site.callers.cut()
        await load.goes_on()
    await all_once(load, server)


async def test_replies_of_redis_to_the_workers_are_lost_after_it_settled_the_calls(load, server):
    for _ in range(3):
        load.site.network.withhold()
        await load.site.network.withheld.wait()
        load.site.network.cut()
        await load.goes_on()
    await all_once(load, server)


async def test_call_whose_delivery_was_lost_on_the_way_runs_without_waiting_for_a_lease(own_redis, server, tmp_path):
    port = port_of(own_redis)
    async with Relay(port) as callers, Relay(port) as workers:
        site = Site(tmp_path, callers, workers, lease="30s")
        try:
            site.start_worker()
            await site.ready()
            async with site.connect() as services:
                await services.ledger.note(1)
                workers.withhold()
                call = services.ledger.note(2)
                await until(lambda: server.xpending(CALLS, GROUP)["pending"] == 1, "the delivery")
                begun = asyncio.get_running_loop().time()
                workers.cut()
                assert await call == 2
                assert asyncio.get_running_loop().time() - begun < 10
            assert site.runs() == {1: 1, 2: 1}
        finally:
            await site.close()


async def test_network_of_the_callers_is_down_for_a_while(load, server):
    await load.site.callers.down()
    await asyncio.sleep(1)
    await load.site.callers.up()
    await load.goes_on()
    await all_once(load, server)


async def test_redis_kills_all_connections(load, server):
    for _ in range(3):
        server.client_kill_filter(_type="normal", skipme=True)
        await load.goes_on()
    await all_once(load, server)


async def test_redis_forgets_its_scripts(load, server):
    for _ in range(5):
        server.script_flush()
        await load.goes_on()
    await all_once(load, server)


async def test_redis_is_paused_for_longer_than_several_leases(load, server):
    server.client_pause(4000)
    await load.goes_on()
    await all_once(load, server)


@pytest.mark.timeout(90)
async def test_redis_stalls_for_seven_seconds(load, server, own_redis):
    await asyncio.to_thread(debug_sleep, own_redis, 7)
    await load.goes_on()
    await all_once(load, server)


async def test_redis_is_read_only_for_a_while(load, server):
    server.replicaof("127.0.0.1", 1)
    await asyncio.sleep(0.5)
    server.replicaof("no", "one")
    await load.goes_on()
    await all_once(load, server)


async def test_all_workers_are_restarted_one_after_the_other(load, server):
    site = load.site
    for worker in list(site.workers):
        site.start_worker()
        await asyncio.to_thread(site.workers[-1].ready)
        worker.signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.ended) == 0
        await load.goes_on()
    await all_once(load, server)


async def test_living_workers_calls_are_not_taken_over_when_redis_comes_back(load, server):
    site = load.site
    slow = [asyncio.ensure_future(load._stub.note(-number, 3.0)) for number in range(1, 11)]
    await until(lambda: all(-number in site.runs() for number in range(1, 11)), "the slow calls to run")
    await site.network.down()
    await asyncio.sleep(1.5)
    await site.network.up()
    assert await asyncio.gather(*slow) == [-number for number in range(1, 11)]
    load.answered |= {-number for number in range(1, 11)}
    await all_once(load, server)

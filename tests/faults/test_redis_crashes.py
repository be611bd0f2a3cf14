"""Redis itself dies under load, or loses single things: what it kept goes on, what it lost is sent again."""

import asyncio

import pytest
import redis

from tests.support.lasting import LastingRedis
from tests.support.load import Load, Site
from tests.support.relay import Relay

pytestmark = pytest.mark.redis

STREAM = "callyard:{ledger}:calls:Default"


@pytest.fixture
async def crashing(tmp_path, request):
    """A load on a Redis that can be killed: the server, and the load."""
    (tmp_path / "redis").mkdir()
    server = LastingRedis(tmp_path / "redis", **getattr(request, "param", {"appendfsync": "always"}))
    server.start()
    try:
        async with Relay(server.port) as callers, Relay(server.port) as workers:
            site = Site(tmp_path, callers, workers)
            try:
                site.start_worker()
                site.start_worker()
                await site.ready()
                async with Load(site) as load:
                    yield server, load
            finally:
                await site.close()
    finally:
        server.crash()


async def everything_was_answered(load, *, doubled):
    await load.end()
    assert load.wrong == {}
    assert load.failed == {}
    runs = load.site.runs()
    assert load.answered <= set(runs)
    assert sum(count > 1 for count in runs.values()) <= doubled


async def test_redis_that_writes_everything_down_crashes_and_comes_back(crashing):
    server, load = crashing
    for _ in range(3):
        server.crash()
        await asyncio.sleep(0.3)
        server.start()
        await load.goes_on()
    # A settlement that Redis had executed and not confirmed is in its file: nothing runs twice.
    await everything_was_answered(load, doubled=0)


@pytest.mark.parametrize("crashing", [{"appendonly": "no"}], indirect=True)
async def test_redis_that_writes_nothing_down_crashes_and_comes_back_empty(crashing):
    server, load = crashing
    for _ in range(2):
        server.crash()
        server.start()
        await load.goes_on()
    await everything_was_answered(load, doubled=2 * Load.CALLERS)


async def test_redis_is_away_for_several_leases(crashing):
    server, load = crashing
    server.crash()
    await asyncio.sleep(4)
    server.start()
    await load.goes_on()
    await everything_was_answered(load, doubled=0)


@pytest.mark.parametrize("lost", ["the group", "the producer keys"])
async def test_single_things_are_lost(crashing, lost):
    server, load = crashing
    with redis.Redis.from_url(server.url, protocol=2) as client:
        if lost == "the group":
            client.xgroup_destroy(STREAM, "workers")
        else:
            for key in client.scan_iter("callyard:[{]ledger}:producer:*"):
                client.delete(key)
    await load.goes_on()
    await everything_was_answered(load, doubled=Load.CALLERS)


async def test_network_passes_a_few_bytes_at_a_time(crashing):
    _, load = crashing
    load.site.callers.crawl(0.0005)
    await load.goes_on(20)
    load.site.callers.crawl(0)
    await load.goes_on()
    await everything_was_answered(load, doubled=0)


async def test_redis_has_too_few_replicas_for_a_while(crashing):
    server, load = crashing
    with redis.Redis.from_url(server.url, protocol=2) as client:
        client.config_set("min-replicas-to-write", 1)
        await asyncio.sleep(0.5)
        client.config_set("min-replicas-to-write", 0)
    await load.goes_on()
    await everything_was_answered(load, doubled=0)

"""A service under load, on a Redis of its own, with networks between that fail on command."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from tests.support.load import Load, Site
from tests.support.relay import Relay
from tests.support.servers import port_of, serving


@pytest.fixture
def own_redis() -> Iterator[str]:
    """A real server that this test may ill-treat."""
    with serving("redis-server") as url:
        yield url


@pytest.fixture
def server(own_redis: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_redis, protocol=2) as client:
        yield client


@pytest.fixture
async def site(own_redis: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Two workers and a caller, each side behind a relay."""
    port = port_of(own_redis)
    async with Relay(port) as callers, Relay(port) as workers:
        site = Site(tmp_path, callers, workers)
        try:
            site.start_worker()
            site.start_worker()
            await site.ready()
            yield site
        finally:
            await site.close()
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture
async def load(site: Site) -> AsyncIterator[Load]:
    """Calls without end; each writes its number into the ledger when it is run."""
    async with Load(site) as load:
        yield load

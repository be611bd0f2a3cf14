"""Every test that asks for `broker_url` runs on fakeredis and on a real redis-server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from broker.link import Link
from tests.support.relay import Relay
from tests.support.servers import emptied, opened, port_of, serving


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with serving("redis-server") as url:
        yield url


@pytest.fixture(scope="session")
def fake_server() -> Iterator[str]:
    with serving("fakeredis") as url:
        yield url


@pytest.fixture(params=["fakeredis", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    return emptied(request.getfixturevalue("redis_server" if request.param == "redis" else "fake_server"))


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """For what only a real server can do; mark such tests `redis`."""
    return emptied(redis_server)


@pytest.fixture
async def link(broker_url: str) -> AsyncIterator[Link]:
    link = await opened(broker_url)
    yield link
    await link.close()


@pytest.fixture
async def relay(broker_url: str) -> AsyncIterator[Relay]:
    async with Relay(port_of(broker_url)) as relay:
        yield relay

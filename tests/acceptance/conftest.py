"""Workers as processes of their own, on fakeredis and on a real server, under a prefix of their own."""

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from client import Services, connect
from tests.support.lasting import LastingRedis
from tests.support.servers import serving
from tests.support.workers import Diary, Workers, service_folder, workers_on


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with serving("redis-server") as url:
        yield url


@pytest.fixture(scope="session")
def fake_server() -> Iterator[str]:
    with serving("fakeredis") as url:
        yield url


@pytest.fixture(scope="module", params=["fakeredis", "redis"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("redis_server" if request.param == "redis" else "fake_server")
    return url


class Place:
    """Where a test takes place: a broker, a prefix, the workers there, a diary and gates for its services."""

    def __init__(self, url: str, prefix: str, folder: Path, workers: Workers) -> None:
        self.url = url
        self.prefix = prefix
        self.folder = folder
        self.workers = workers
        self.diary = Diary(folder / "diary")

    def probe(self, name: str = "probe") -> Path:
        """The folder of the service that has a method for everything."""
        variables = {"DIARY": str(self.diary.path), "WORD": "word", "TABLE": {"deep": [1, 2]}}
        folder = service_folder(self.folder, "probe", name=name, vars=variables)
        (folder / ".dev.vars").write_text('SECRET="hush"\n', encoding="utf-8")
        return folder

    def front(self) -> Path:
        """The folder of the service that calls the other one."""
        bindings = [
            {"binding": "PROBE", "service": "probe"},
            {"binding": "ADMIN", "service": "probe", "entrypoint": "Admin", "props": {"role": "boss"}},
            {"binding": "PLAIN", "service": "probe", "entrypoint": "Admin"},
        ]
        return service_folder(self.folder, "front", services=bindings)

    def site(self) -> Path:
        """The folder of the service that answers requests."""
        return service_folder(self.folder, "site", vars={"DIARY": str(self.diary.path)})

    def open(self, gate: str) -> None:
        """Let pass what is held at *gate*."""
        (self.folder / gate).touch()

    def key(self, *parts: str, service: str = "probe") -> str:
        return ":".join((self.prefix, f"{{{service}}}", *parts))

    def connect(self, **settings: int) -> Services:
        return connect(self.url, prefix=self.prefix, **settings)


@pytest.fixture(scope="module")
def stage(broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One worker with both services for all tests of a module, for calls that do not disturb each other."""
    yield from _place(broker_url, tmp_path_factory.mktemp("stage"), served=True)


@pytest.fixture(scope="module")
def site(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place with the service that answers requests, on a real server."""
    for place in _place(redis_server, tmp_path_factory.mktemp("site"), served=False):
        place.workers.serve(place.site(), "--concurrency", "300")
        yield place


@pytest.fixture
def place(redis_server: str, tmp_path: Path) -> Iterator[Place]:
    """A place without workers, on a real server."""
    yield from _place(redis_server, tmp_path, served=False)


def _place(url: str, folder: Path, *, served: bool) -> Iterator[Place]:
    prefix = f"test-{secrets.token_hex(4)}"
    with workers_on(url, prefix) as workers:
        place = Place(url, prefix, folder, workers)
        if served:
            workers.serve(place.probe(), place.front())
        yield place


@pytest.fixture
async def services(stage: Place) -> AsyncIterator[Services]:
    async with stage.connect() as services:
        yield services


@pytest.fixture
def broker(broker_url: str) -> Iterator[redis.Redis]:
    """The broker of the stage, seen from outside."""
    with redis.Redis.from_url(broker_url, protocol=2) as client:
        yield client


@pytest.fixture
def server(redis_server: str) -> Iterator[redis.Redis]:
    """The real server, seen from outside."""
    with redis.Redis.from_url(redis_server, protocol=2) as client:
        yield client


@pytest.fixture
def lasting(redis_server: str, tmp_path: Path) -> Iterator[tuple[Place, LastingRedis]]:
    """A place on a server of its own that survives crashes."""
    (tmp_path / "redis").mkdir()
    server = LastingRedis(tmp_path / "redis")
    server.start()
    try:
        for place in _place(server.url, tmp_path, served=False):
            place.probe()
            yield place, server
    finally:
        server.crash()

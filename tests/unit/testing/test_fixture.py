"""The fixture `callyard`, and `serve_blocking` behind it."""

import pytest
import redis

from client import read
from tests.support.servers import serving
from worker_runtime.testing import serve, serve_blocking
from workers import WorkerEntrypoint


class Counter(WorkerEntrypoint):
    def double(self, number: int) -> int:
        return 2 * number

    async def ask(self) -> int:
        return await self.env.OTHER.answer()

    async def later(self) -> None:
        self.ctx.waitUntil(self.ask())

    @property
    def version(self) -> str:
        return "1.2"


class Other:
    def answer(self):
        return 42


def test_services_are_called_without_an_event_loop(callyard):
    counter = callyard.serve_blocking(Counter, bindings={"OTHER": Other()})

    assert counter.stub.double(4) == 8
    assert counter.services.counter.ask() == 42
    assert read(counter.stub.version) == "1.2"
    counter.stub.later()
    (task,) = counter.background()
    assert (task.name, task.result) == ("ask", 42)
    counter.settled()
    assert counter.calls("OTHER") == [("answer", (), {})] * 2


async def test_services_run_in_the_loop_of_the_test(callyard):
    async with callyard.serve(Counter) as counter:
        assert await counter.stub.double(3) == 6


def test_error_inside_the_block_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError), serve_blocking(Counter):
        _ = 1 / 0


@pytest.mark.parametrize("kind", ["fakeredis", "redis-server"])
async def test_nothing_is_left_on_a_broker_of_ones_own(kind):
    with serving(kind) as url:
        async with serve(Counter, bindings={"OTHER": Other()}, broker=url) as counter:
            assert await counter.stub.ask() == 42
        with redis.Redis.from_url(url, protocol=2) as client:
            assert list(client.scan_iter(f"{counter.prefix}*")) == []

"""References for code without an event loop."""

import pytest

from client import RpcTarget, StubDisposed, connect_blocking, read
from tests.support.workers import service_folder


@pytest.fixture(scope="module")
def shop(stage):
    stage.workers.serve(service_folder(stage.folder, "shop", vars={"DIARY": str(stage.diary.path)}))
    with connect_blocking(stage.url, prefix=stage.prefix) as services:
        yield services.shop


def test_a_returned_target_is_called_without_await(shop):
    with shop.counter(5) as counter:
        assert counter.add(1) == 6
        assert read(counter.current) == 6
        twin = counter.dup()
    assert twin.add(1) == 7
    twin.dispose()
    with pytest.raises(StubDisposed):
        twin.add(1)


def test_a_returned_function_is_called_without_await(shop):
    assert shop.doubler()(21) == 42


def test_a_callback_may_make_blocking_calls_itself(shop):
    assert shop.apply(lambda value: shop.add(value, 1), 1, 2) == [2, 3]


def test_a_target_of_the_caller_is_called(shop):
    class Mine(RpcTarget):
        def add(self, amount):
            return shop.add(amount, 100)

    assert shop.call_through(Mine(), 1) == 101


def test_a_stream_is_read_with_for(shop):
    assert list(shop.count(100)) == list(range(100))
    with shop.count(10**9) as numbers:
        assert [next(numbers), next(numbers)] == [0, 1]
        assert numbers.received == 2
    assert list(shop.echo(iter_of(3))) == [0, 1, 2]


def iter_of(count):
    yield from range(count)


def test_a_result_with_stubs_inside_is_disposed_as_a_whole(shop):
    with shop.counters() as counters:
        assert counters["one"].add(1) == 2
        assert counters["plain"] == 3
    with pytest.raises(StubDisposed):
        counters["one"].add(1)


def test_stubs_can_be_passed_on(shop):
    with shop.counter(1) as counter:
        assert shop.call_through(counter, 2) == 3
    assert shop.add_to(shop, 1, 2) == 3

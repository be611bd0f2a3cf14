"""Calls by reference: objects, functions, promises and streams between processes."""

import asyncio

import pytest

from client import RpcTarget, StubDisposed
from tests.support.workers import service_folder


@pytest.fixture(scope="module")
def shop_stage(stage):
    folder = service_folder(stage.folder, "shop", vars={"DIARY": str(stage.diary.path)})
    stage.workers.serve(folder)
    return stage


@pytest.fixture
async def shop(shop_stage):
    async with shop_stage.connect() as services:
        yield services.shop


async def test_a_returned_target_is_one_object_to_all_calls_on_its_stub(shop):
    with await shop.counter(5) as counter:
        assert await counter.add(1) == 6
        assert await counter.add(1) == 7
        assert await counter.add_in_thread(1) == 8
        assert await counter.current == 8


async def test_what_a_target_promises_of_its_results_is_checked(shop):
    async with shop.counter(5) as counter:
        with pytest.raises(TypeError, match=r"word\(\): the result .* int"):
            await counter.word()
        assert await counter.add(1) == 6


async def test_a_chain_on_a_promise_is_one_round_trip(shop):
    assert await shop.counter(5).add(2) == 7
    assert await shop.user("Me").best.name == "Eve"


async def test_a_function_passed_is_called_back(shop):
    seen = []
    assert await shop.apply(lambda value: seen.append(value) or value * 10, 1, 2, 3) == [10, 20, 30]
    assert seen == [1, 2, 3]


async def test_a_returned_function_can_be_called(shop):
    double = await shop.doubler()
    assert await double(21) == 42
    assert await shop.doubler()(4) == 8


async def test_a_stream_yields_what_the_generator_does(shop):
    assert [number async for number in shop.count(200)] == list(range(200))
    assert [number async for number in await shop.count(3)] == [0, 1, 2]
    assert [number async for number in shop.plain_count(3)] == [0, 1, 2]


async def test_a_stream_can_be_an_argument(shop):
    async def numbers():
        for number in range(150):
            yield number

    assert await shop.total(numbers()) == sum(range(150))
    assert [number async for number in shop.echo(numbers())] == list(range(150))


async def test_map_runs_where_the_list_is(shop):
    user = shop.user("Me")
    assert await user.friends.map(lambda friend: {"n": friend.name, "a": friend.age}) == [
        {"n": "Ann", "a": 3},
        {"n": "Bob", "a": 4},
    ]


async def test_a_promise_can_be_an_argument(shop):
    assert await shop.add(shop.add(1, 2), shop.add(3, 4)) == 10


async def test_calls_on_a_disposed_stub_are_refused(shop):
    counter = await shop.counter()
    counter.dispose()
    with pytest.raises(StubDisposed, match="RPC stub used after being disposed"):
        await counter.add(1)


async def test_a_signal_is_passed_on(shop, shop_stage):
    from workers import AbortController

    controller = AbortController()
    call = asyncio.ensure_future(shop.until_aborted(controller.signal))
    await shop_stage.diary.says("waiting for the signal")
    controller.abort("enough")
    assert await call == "enough"


class Target(RpcTarget):
    async def add(self, amount):
        return amount + 100


async def test_a_target_of_the_caller_is_called(shop):
    assert await shop.call_through(Target(), 1) == 101


async def test_a_function_kept_with_dup_outlives_the_call(shop):
    said = asyncio.Queue()
    assert await shop.later(said.put_nowait) == "now"
    assert await said.get() == "later"

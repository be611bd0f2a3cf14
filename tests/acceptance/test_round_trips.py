"""What calls by reference cost on the wire, and what travels with them."""

import asyncio
import secrets

import pytest

from client import DataCloneError, MethodNotFound, RpcTarget, StubDisposed, connect
from tests.support.workers import Diary, service_folder, workers_on
from workers import AbortController, RpcStub

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def shop_stage(redis_server, tmp_path_factory):
    """A worker on a real server, which counts what was ever added to a stream."""
    folder = tmp_path_factory.mktemp("round-trips")
    with workers_on(redis_server, f"test-{secrets.token_hex(4)}") as workers:
        workers.diary = Diary(folder / "diary")
        workers.serve(service_folder(folder, "shop", vars={"DIARY": str(folder / "diary")}))
        yield workers


@pytest.fixture
async def shop(shop_stage):
    async with connect(shop_stage.url, prefix=shop_stage.prefix) as services:
        assert await services.shop.add(1, 1) == 2
        yield services.shop


@pytest.fixture
def entries(shop_stage, server):
    """How many entries were ever added to the stream of calls, and to the inboxes."""
    keys = f"{shop_stage.prefix}:{{shop}}"

    def count():
        inboxes = [server.xinfo_stream(key)["entries-added"] for key in server.keys(f"{keys}:inbox:*")]
        return server.xinfo_stream(f"{keys}:calls:Default")["entries-added"], sum(inboxes)

    return count


async def test_a_chain_of_three_calls_is_one_entry_and_one_reply(shop, entries):
    before = entries()
    assert await shop.counter(1).twin().add(1) == 2
    assert entries() == (before[0] + 1, before[1])


async def test_several_calls_on_one_promise_share_its_round_trip(shop, entries):
    before = entries()
    counter = shop.counter(1)
    first, second, name = counter.add(1), counter.add(2), counter.current
    assert await asyncio.gather(first, second) == [2, 4]
    assert entries()[0] - before[0] == 1
    assert await name == 4
    counter.dispose()


async def test_a_promise_as_argument_of_a_call_to_the_same_service_costs_nothing(shop, entries):
    before = entries()
    assert await shop.add(shop.add(1, 2), 4) == 7
    assert entries()[0] - before[0] == 1


async def test_mapping_a_list_is_one_round_trip(shop, entries):
    before = entries()
    assert await shop.user("Me").friends.map(lambda friend: friend.name) == ["Ann", "Bob"]
    assert entries()[0] - before[0] == 1


async def test_a_chain_on_a_result_that_has_come_goes_on_from_there(shop):
    counter = shop.counter(1)
    await counter
    assert await counter.add(1) == 2
    assert await counter.twin().add(1) == 3
    counter.dispose()


async def test_the_error_of_the_first_call_is_that_of_all_that_hang_on_it(shop):
    first = shop.counter(1).fail()
    second, third = first.more(), first.more().and_more()
    for call in (first, second, third):
        with pytest.raises(ValueError, match="as asked"):
            await call


async def test_a_chain_into_what_is_not_there_is_refused(shop):
    with pytest.raises(MethodNotFound, match='does not implement the method "absent"'):
        await shop.user("Me").absent.more
    with pytest.raises(MethodNotFound, match='"name" is not a function'):
        await shop.user("Me").name()
    deep = shop.user("Me")
    for _ in range(64):
        deep = deep.more
    with pytest.raises(TypeError, match="max 64"):
        _ = deep.more


async def test_a_recorded_function_that_looks_at_its_items_is_refused(shop):
    friends = shop.user("Me").friends
    with pytest.raises(TypeError, match="run once"):
        friends.map(lambda friend: friend.name if friend.age else None)
    with pytest.raises(TypeError, match="run once"):
        friends.map(lambda friend: friend == 1)
    with pytest.raises(TypeError, match="run once"):
        friends.map(lambda friend: f"Dear {friend.name}")
    with pytest.raises(TypeError, match="run once"):
        friends.map(lambda friend: friend[0])
    assert await shop.user("Me").friends.map(lambda friend: [friend.age, {"who": friend.name}]) == [
        [3, {"who": "Ann"}],
        [4, {"who": "Bob"}],
    ]


async def test_an_item_of_map_that_is_a_dict_is_read_by_its_keys_too(shop):
    assert await shop.user("Me").friends.map(lambda friend: [friend["name"], friend["age"]]) == [["Ann", 3], ["Bob", 4]]


async def test_an_item_of_map_that_is_passed_to_another_call_is_refused(shop):
    friends = shop.user("Me").friends
    with pytest.raises(DataCloneError, match="calls on that item only"):
        await friends.map(lambda friend: shop.add(friend.age, 1))
    you = shop.user("You")
    with pytest.raises(DataCloneError, match="calls on that item only"):
        await friends.map(lambda friend: you.friends.map(lambda other: [friend.age, other.age]))
    await you


async def test_map_calls_methods_of_the_objects_in_the_list(shop):
    class Item(RpcTarget):
        def __init__(self, number):
            self.number = number

        async def plus(self, amount):
            return self.number + amount

    items = [Item(1), Item(2)]
    assert await shop.give_back(items).map(lambda item: item.plus(10)) == [11, 12]


async def test_a_local_stub_behaves_as_one_of_another_process(shop):
    class Mine(RpcTarget):
        disposed = 0

        async def take(self, value):
            value.append(1)
            return value

        def dispose(self):
            Mine.disposed += 1

    stub = RpcStub(Mine())
    given = [0]
    assert await stub.take(given) == [0, 1]
    assert given == [0]
    twin = stub.dup()
    stub.dispose()
    with pytest.raises(StubDisposed):
        await stub.take([])
    assert Mine.disposed == 0
    twin.dispose()
    while not Mine.disposed:  # noqa: ASYNC110 -- nothing tells when it was disposed
        await asyncio.sleep(0.01)
    assert Mine.disposed == 1
    assert await RpcStub({"a": lambda: 5}).a() == 5
    with pytest.raises(TypeError, match="RpcStubs can only wrap"):
        RpcStub(object())


async def test_a_signal_that_was_given_before_arrives_given(shop):
    controller = AbortController()
    controller.abort("too late")
    assert await shop.until_aborted(controller.signal) == "too late"


async def test_a_cancel_scope_can_be_an_argument(shop, shop_stage):
    import anyio

    before = shop_stage.diary.lines.count("waiting for the signal")
    scope = anyio.CancelScope()
    call = shop.until_aborted(scope)
    await shop_stage.diary.says("waiting for the signal", times=before + 1)
    scope.cancel()
    assert "aborted" in await call


async def test_a_stream_of_streams_and_functions_in_chunks(shop):
    async def inner(number):
        yield number

    async def outer():
        for number in range(3):
            yield {"double": lambda value: value * 2, "stream": inner(number)}

    seen = []
    async for item in shop.echo(outer()):
        seen.append((await item["double"](4), [value async for value in item["stream"]]))
        item["double"].dispose()
    assert seen == [(8, [0]), (8, [1]), (8, [2])]


async def test_a_target_with_a_dup_of_its_own_is_asked_for_what_is_sent(shop):
    class Original(RpcTarget):
        def dup(self):
            return Copy()

        async def add(self, amount):
            return amount

    class Copy(RpcTarget):
        async def add(self, amount):
            return amount + 1000

    assert await shop.call_through(Original(), 1) == 1001

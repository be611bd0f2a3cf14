"""What comes right behind a call, in one message with it: the items of its streams, signals, the end of its stubs."""

import asyncio

import pytest

from client.session.signals import AbortController
from tests.support.workers import service_folder, until


@pytest.fixture(scope="module")
def shop_stage(stage):
    stage.workers.serve(service_folder(stage.folder, "shop", vars={"DIARY": str(stage.diary.path)}))
    return stage


@pytest.fixture
async def shop(shop_stage):
    """The service, and at the end the proof that the caller has no session left."""
    async with shop_stage.connect() as services:
        async with asyncio.timeout(10):
            yield services.shop
        await until(lambda: not services._caller.sessions.made, "the sessions to end")


async def numbers(to=5):
    for number in range(to):
        yield number


async def test_a_stream_whose_items_are_ready_reaches_a_method_of_an_object_whole(shop):
    async with shop.counter() as counter:
        assert await counter.total(numbers()) == 10
        assert await asyncio.gather(*[counter.total(numbers(100)) for _ in range(5)]) == [4950] * 5


async def test_a_stream_waits_for_the_step_of_a_chain_that_reads_it(shop):
    assert await shop.counter().late_twin().total(numbers()) == 10
    async with shop.counter() as counter:
        assert await counter.late_twin().total(numbers()) == 10


async def test_a_stream_for_a_later_step_waits_where_an_earlier_one_has_references_too(shop):
    assert await shop.slow_counter(numbers()).total(numbers()) == 20


async def test_a_signal_that_is_given_right_behind_its_call_arrives(shop):
    controller = AbortController()
    async with shop.counter() as counter:
        given = counter.given(controller.signal)
        controller.abort("enough")
        assert await given is True


async def test_a_signal_that_is_given_before_its_step_of_a_chain_begins_arrives(shop):
    controller = AbortController()
    async with shop.counter() as counter:
        given = counter.late_twin().given(controller.signal)
        await asyncio.sleep(0.02)
        controller.abort("enough")
        assert await given is True


async def test_an_argument_may_be_disposed_right_behind_the_call(shop):
    async with shop.counters() as counters:
        one, two = counters["one"], counters["two"].dup()
        counters["two"].dispose()
        added = one.late_twin().add_late_to(two, 5)
        two.dispose()
        assert await added == 7


async def test_an_object_is_disposed_once_and_not_while_a_call_that_came_before_runs(shop, shop_stage):
    before = shop_stage.diary.lines.count("disposed counter")
    counter = await shop.counter()
    total = counter.total(numbers())
    counter.dispose()
    assert await total == 10
    await shop_stage.diary.says("disposed counter", before + 1)


async def test_a_call_that_is_cancelled_in_the_message_that_made_it_leaves_nothing(shop, shop_stage):
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    async with shop.counter() as counter:
        total = counter.total(endless())
        await asyncio.sleep(0)
        total.cancel()
        await closed.wait()
        assert await counter.add(1) == 1


async def test_a_stream_for_a_step_that_never_runs_is_closed(shop):
    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    async with shop.counter() as counter:
        with pytest.raises(ValueError, match="as asked"):
            await counter.fail().total(endless())
        await closed.wait()


async def test_a_stream_that_feeds_another_one_is_closed_with_it(shop):
    closed = asyncio.Event()

    async def one():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            closed.set()

    for _ in range(5):
        async with await shop.echo(one()) as echoed:
            assert await anext(echoed) == 1
        await closed.wait()
        closed.clear()

"""Calls and connections are cancelled after every number of steps of the event loop, and each time nothing is left."""

import asyncio

import pytest

from client import RpcTarget
from tests.support.workers import service_folder, until
from workers import Request

BODY = bytes(1_500_000)


class Counter(RpcTarget):
    """An object of the caller, which is counted while somebody may have it."""

    alive = 0

    def __init__(self):
        Counter.alive += 1

    async def add(self, amount):
        await asyncio.sleep(0)
        return amount

    def dispose(self):
        Counter.alive -= 1


class Source:
    """Streams that are counted while they are open."""

    open = 0

    async def numbers(self):
        Source.open += 1
        try:
            for number in range(100):
                yield number
        finally:
            Source.open -= 1


async def pass_an_object(shop):
    await shop.call_through(Counter(), 1)


async def pass_a_stream(shop):
    await shop.total(Source().numbers())


async def use_what_came(shop):
    async with shop.counter() as counter:
        await counter.total(Source().numbers())
        await counter.add_late_to(Counter(), 1)


async def chain(shop):
    await shop.counter().late_twin().add_late_to(Counter(), 1)


async def read_a_stream(shop):
    async for _ in shop.echo(Source().numbers()):
        pass


async def send_what_no_message_holds(shop):
    back = await shop.give_back(Request("http://h/", method="POST", body=BODY))
    assert len(await back.bytes()) == len(BODY)


@pytest.fixture(scope="module")
def shop_stage(stage):
    stage.workers.serve(service_folder(stage.folder, "shop", vars={"DIARY": str(stage.diary.path)}))
    return stage


@pytest.mark.parametrize(
    "made", [pass_an_object, pass_a_stream, use_what_came, chain, read_a_stream, send_what_no_message_holds]
)
async def test_a_call_with_references_that_is_cancelled_at_any_moment_leaves_nothing(shop_stage, broker, made):
    async with shop_stage.connect() as services, shop_stage.connect() as other:
        steps = ended = 0
        while ended < 3:
            ended += await ends_within(steps, made(services.shop))
            # One by one, while it is sent and begins; later the steps of the loop are those of waiting.
            steps += 1 if steps < 50 else steps // 8
        await until(lambda: not services._caller.sessions.made, "the sessions of the caller to end")
        assert not services._caller._open
        await until(lambda: not Counter.alive, "its objects to be disposed")
        await until(lambda: not Source.open, "its streams to be closed")
        for _ in range(500):
            if await other.shop.sessions() == 0:
                break
            await asyncio.sleep(0.01)
        assert await other.shop.sessions() == 0
    calls = shop_stage.key("calls", "Default", service="shop")
    await until(lambda: broker.xlen(calls) == 0, "the calls to be done")
    assert broker.xpending(calls, "workers")["pending"] == 0


async def test_connecting_and_closing_that_are_cancelled_at_any_moment_leave_no_connection(shop_stage, broker):
    async def use():
        async with shop_stage.connect() as services:
            assert await services.shop.add(1, 2) == 3

    before, tasks = connections(broker), len(asyncio.all_tasks())
    steps = ended = 0
    while ended < 3:
        ended += await ends_within(steps, use())
        steps += 1 if steps < 100 else steps // 8

    await until(lambda: connections(broker) <= before, f"the connections to end: {connections(broker)}")
    await until(lambda: len(asyncio.all_tasks()) <= tasks, "the tasks to end")


def connections(broker):
    """The connections of callers, counted as the server knows them."""
    names = [client["name"] for client in broker.client_list()]
    return sum(name.startswith(("callyard-client", "callyard-replies")) for name in names)


async def ends_within(steps, work):
    """Cancel *work* after so many steps of the event loop; whether it had ended by itself, and well."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    return False

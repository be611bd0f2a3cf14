"""How long what references refer to lives: disposal, contexts, lost workers and callers."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from client import (
    CallAbandoned,
    CallTimeout,
    DataCloneError,
    MethodNotFound,
    RpcTarget,
    StreamBroken,
    StubBroken,
    on_broken,
    options,
    submit,
)
from client.session import channels
from tests.support.workers import ROOT, service_folder, until


@pytest.fixture
def shop_place(place):
    folder = service_folder(place.folder, "shop", vars={"DIARY": str(place.diary.path)})
    place.shop_folder = folder
    place.worker = place.workers.serve(folder)
    return place


@pytest.fixture
async def shop(shop_place, server):
    """The service, and at the end the proof that nothing is left of what was passed: here, there and in Redis."""
    async with shop_place.connect() as services:
        yield services.shop
        sessions = services._caller.sessions
        await until(lambda: not sessions.made, "the sessions of the caller to end")
        if shop_place.worker.running:
            await until_none(services.shop)
        assert not sessions.served
    calls = shop_place.key("calls", "Default", service="shop")
    await until(lambda: server.xlen(calls) == 0, "the calls to be done")
    assert server.xpending(calls, "workers")["pending"] == 0
    for inbox in server.keys(shop_place.key("inbox", "*", service="shop")):
        # Its reader trims it every few seconds; that of a worker that was killed is read by nobody, and expires.
        assert server.ttl(inbox) > 0


async def read_on(stream):
    async for _ in stream:
        pass


async def until_none(shop):
    """Wait until the worker keeps no session open."""
    for _ in range(500):
        if await shop.sessions() == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the worker keeps sessions open")


async def test_an_inbox_is_empty_soon_after_the_last_message(shop, shop_place, server):
    async with shop.counter() as counter:
        await counter.add(1)
    [inbox] = server.keys(shop_place.key("inbox", "*", service="shop"))

    await until(lambda: server.xlen(inbox) == 0, "the inbox to be trimmed")


async def test_a_target_is_disposed_once_when_its_last_stub_is(shop, shop_place):
    counter = await shop.counter()
    twin = counter.dup()
    counter.dispose()
    counter.dispose()
    assert await twin.add(1) == 1
    assert shop_place.diary.lines == []
    twin.dispose()
    await shop_place.diary.says("disposed counter")
    await shop.pid()
    assert shop_place.diary.lines == ["disposed counter"]


async def test_a_stub_that_is_dropped_lets_go_by_itself(shop, shop_place):
    assert await (await shop.counter()).add(2) == 2
    await shop_place.diary.says("disposed counter")


async def test_a_result_with_stubs_inside_is_disposed_as_a_whole(shop, shop_place):
    with await shop.counters() as counters:
        assert counters["plain"] == 3
        assert await counters["two"].add(1) == 3
    await shop_place.diary.says("disposed one")
    await shop_place.diary.says("disposed two")


async def test_a_target_in_the_middle_of_a_chain_is_disposed(shop, shop_place):
    assert await shop.counter(1).twin().add(1) == 2
    await shop_place.diary.says("disposed counter")
    await shop_place.diary.says("disposed twin")


async def test_an_argument_is_disposed_when_the_method_returns(shop, shop_place):
    assert await shop.kept_after(lambda value: value) == "returned"
    await shop_place.diary.says("late StubDisposed")


async def test_what_comes_home_is_the_object_itself(shop):
    class Mine(RpcTarget):
        async def me(self):
            return id(self)

    mine = Mine()
    async with shop.give_back(mine) as stub:
        assert await stub.me() == id(mine)


async def test_a_service_binding_travels_by_value(shop):
    assert await shop.add_to(shop, 1, 2) == 3
    again = await shop.give_back(shop)
    assert await again.add(2, 3) == 5


async def test_calls_on_one_stub_begin_in_the_order_made(shop):
    async with shop.counter() as counter:
        await asyncio.gather(*[counter.log(number) for number in (1, 2, 3, 4, 5)])
        await asyncio.gather(*[counter.log_in_thread(number) for number in (6, 7, 8, 9)])
        assert await counter.current == 123456789


async def test_what_is_not_offered_cannot_be_reached(shop):
    async with shop.counter() as counter:
        for name in ("hidden", "value", "_secret", "absent"):
            with pytest.raises((MethodNotFound, AttributeError)):
                await getattr(counter, name)()
        with pytest.raises(ValueError, match="as asked") as failure:
            await counter.fail()
        assert failure.value.remote


async def test_a_call_on_an_object_ends_at_its_deadline_and_is_cancelled_there(shop, shop_place):
    async with shop.counter() as counter:
        with pytest.raises(CallTimeout):
            await options(counter, timeout=0.2).forever()
        waiting = asyncio.ensure_future(counter.forever())
        await asyncio.sleep(0.1)
        waiting.cancel()
    await shop_place.diary.says("forever ended", times=2)


async def test_leaving_a_stream_early_stops_its_producer(shop, shop_place):
    async for number in shop.count(10**9):
        if number == 5:
            break
    await shop_place.diary.says("count ended")


async def test_a_stream_that_fails_ends_with_the_exception_of_its_producer(shop):
    stream = await shop.broken_count()
    assert await anext(stream) == 1
    with pytest.raises(ValueError, match="in the middle"):
        await anext(stream)
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_fast_producer_waits_for_a_slow_consumer(shop, shop_place, server):
    stream = await shop.blob(200, 100_000)
    await asyncio.sleep(0.3)
    assert stream.received + len(stream._waiting) <= 64
    assert len([chunk async for chunk in stream]) == 200


async def test_ten_thousand_stubs_leave_nothing_behind(shop):
    async def one():
        async with shop.doubler() as double:
            return await double(21)

    for _ in range(100):
        assert await asyncio.gather(*[one() for _ in range(100)]) == [42] * 100


async def test_an_aborted_context_takes_its_stubs_with_it(shop):
    result = await shop.aborting()
    with pytest.raises((StubBroken, RuntimeError)):
        await result["abort"]()
    with pytest.raises(StubBroken, match="no longer running"):
        await result["counter"].add(1)


async def test_what_is_kept_or_repeated_cannot_carry_references(shop):
    with pytest.raises(DataCloneError):
        await options(shop, idempotency_key="k").apply(lambda value: value, 1)
    with pytest.raises(DataCloneError):
        await submit(shop.apply, lambda value: value, 1)
    with pytest.raises(DataCloneError, match="kept result"):
        await options(shop, keep_result=5).counter()


async def test_a_stub_whose_worker_died_fails_at_once(shop, shop_place):
    counter = await shop.counter()
    stream = await shop.count(10**6, 0.01)
    assert [await anext(stream), await anext(stream)] == [0, 1]
    told = asyncio.Queue()
    on_broken(counter, told.put_nowait)
    waiting = asyncio.ensure_future(counter.forever())
    os.kill(shop_place.worker.ready_pid, signal.SIGKILL)
    begun = asyncio.get_running_loop().time()
    with pytest.raises(StubBroken) as broken:
        await waiting
    assert asyncio.get_running_loop().time() - begun < 5
    assert broken.value.retryable
    assert isinstance(await told.get(), StubBroken)
    with pytest.raises(StubBroken):
        await counter.add(1)
    with pytest.raises(StreamBroken) as broke:
        await read_on(stream)
    assert broke.value.received == stream.received >= 2
    shop_place.workers.serve(shop_place.shop_folder)


async def test_a_call_with_references_is_not_run_again_after_its_worker_died(shop, shop_place):
    call = shop.slow(lambda value: value)
    await shop_place.diary.says("slow begun")
    os.kill(shop_place.worker.ready_pid, signal.SIGKILL)
    shop_place.workers.serve(shop_place.shop_folder)
    with pytest.raises(CallAbandoned, match="never run twice"):
        await call
    assert shop_place.diary.lines.count("slow begun") == 1


async def test_a_chain_with_a_method_that_must_not_run_twice_is_run_once(shop, shop_place):
    careful, plain = shop.charge(shop.plain_slow()), shop.plain_slow()
    await shop_place.diary.says("plain begun", times=2)
    os.kill(shop_place.worker.ready_pid, signal.SIGKILL)
    shop_place.workers.serve(shop_place.shop_folder)
    with pytest.raises(CallAbandoned):
        await careful
    assert await plain == 1
    assert "charged" not in shop_place.diary.lines


CALLER = """
import asyncio, sys
from client import connect

async def main():
    async with connect(sys.argv[1], prefix=sys.argv[2]) as services:
        counter = await services.shop.counter()
        forever = counter.forever()
        print(await counter.add(1), flush=True)
        await forever

asyncio.run(main())
"""


async def test_the_context_of_a_caller_that_died_is_closed(shop_place, server):
    command = [sys.executable, "-c", CALLER, shop_place.url, shop_place.prefix]
    caller = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
    assert await caller.stdout.readline() == b"1\n"
    caller.kill()
    await caller.wait()
    # As if its time were over, which takes twenty seconds.
    server.delete(*server.keys(shop_place.key("reply", "*", service="shop")))
    await shop_place.diary.says("disposed counter")
    await shop_place.diary.says("forever ended")


async def test_a_worker_that_is_stopped_lets_its_sessions_end_and_breaks_those_that_do_not(shop_place):
    async with shop_place.connect() as services:
        counter = await services.shop.counter()
        told = asyncio.Queue()
        on_broken(counter, told.put_nowait)
        shop_place.worker.signal(signal.SIGTERM)
        await asyncio.sleep(0.2)
        assert await counter.add(1) == 1
        counter.dispose()
        assert await asyncio.to_thread(shop_place.worker.ended) == 0


async def test_a_stub_of_one_service_can_be_passed_to_another(shop, shop_place):
    other = service_folder(shop_place.folder, "shop", name="other", vars={"DIARY": str(shop_place.diary.path)})
    shop_place.workers.serve(other)
    async with shop_place.connect() as services:
        counter = await services.shop.counter(40)
        assert await services.other.call_through(counter, 2) == 42
        kept = await services.other.keep(counter)
        assert await kept.add(3) == 45


async def test_a_worker_whose_inbox_was_lost_hears_of_the_end_of_a_session_once_it_has_one_again(
    shop, shop_place, server, monkeypatch
):
    monkeypatch.setattr(channels, "MISSING_SECONDS", 0.1)
    counter = await shop.counter()
    inbox = counter._target.session.channel._stream
    assert server.delete(inbox) == 1
    with pytest.raises(StubBroken):
        await counter.add(1)
    # What tells of it has been sent by now, and found nothing.
    await shop.pid()

    # As its owner does, every five seconds.
    server.xdel(inbox, server.xadd(inbox, {"m": b""}))
    server.expire(inbox, 20)

    await shop_place.diary.says("disposed counter")

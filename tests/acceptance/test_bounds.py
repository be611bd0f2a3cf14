"""What is left when work is done, and how much a caller takes while it goes on."""

import asyncio

import pytest

from client import options, submit
from tests.support.workers import until


async def test_nothing_is_left_after_a_thousand_calls(stage, broker):
    async with stage.connect() as services:
        await asyncio.gather(*[services.probe.add(number, 1) for number in range(900)])
        await asyncio.gather(*[submit(services.probe.add, number, 1, keep_result=30) for number in range(50)])
        failed = await asyncio.gather(*[services.probe.fail("KeyError", 1) for _ in range(50)], return_exceptions=True)
        assert all(isinstance(error, KeyError) for error in failed)
        assert await services.front.add(1, 2) == 3
        stage.open("clean")
        assert await services.probe.signup("clean") == "Success"
        await stage.diary.says("told clean")
        await until(lambda: not _leftovers(broker, stage), f"an end of {_leftovers(broker, stage)}")
    await until(lambda: not list(broker.scan_iter(f"{stage.prefix}:*:tail:*")), "the marks of background tasks to go")


def _leftovers(broker, stage) -> list[str]:
    left: list[str] = []
    for key in broker.scan_iter(f"{stage.prefix}:*"):
        name = key.decode()
        if broker.type(key) != b"stream":
            left += [name] if broker.ttl(key) < 0 else []
        elif ":calls:" in name:
            pending = broker.xpending(key, "workers")["pending"]
            left += [name] if broker.xlen(key) or pending else []
        elif ":reply:" in name:
            left += [name] if broker.ttl(key) < 0 or broker.xlen(key) else []
        else:
            left.append(name)
    return left


@pytest.mark.redis
async def test_five_thousand_calls_in_flight_take_at_most_four_connections(place, server):
    place.workers.serve(place.probe(), lease="10s")
    before = {client["id"] for client in server.client_list()}
    async with place.connect() as services:
        patient = options(services.probe, timeout=50)
        held = [patient.hold_quietly("gate") for _ in range(5000)]
        await until(lambda: server.xlen(place.key("calls", "Default")) == 5000, "all calls to be in flight")

        connections = [client for client in server.client_list() if client["id"] not in before]
        place.open("gate")
        assert await asyncio.gather(*held) == ["gate"] * 5000

    assert len(connections) <= 4, connections


@pytest.mark.redis
async def test_caller_that_closes_leaves_no_reply_channel(place, server):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        assert await services.probe.add(1, 2) == 3
        assert list(server.scan_iter(f"{place.prefix}:*:reply:*"))

    assert not list(server.scan_iter(f"{place.prefix}:*:reply:*"))

"""Entries that are no calls, calls that are too large, storms of cancellations. On a real server only."""

import asyncio
import random

import pytest

from broker.codec import pack, unpack
from broker.envelope import CALL, Call, Step, pack_call
from client import PayloadTooLarge
from tests.support.workers import until

pytestmark = pytest.mark.redis

CALL_OF_NOBODY = Call("attacker1", 1, 4_000_000_000_000, {}, (Step(0, CALL, ("add",), b""),))
GARBAGE = [
    {"m": b""},
    {"m": b"\xc1"},
    {"m": b"\x92\x01"},
    {"m": pack_call(CALL_OF_NOBODY) + b"more"},
    {"x": pack_call(CALL_OF_NOBODY)},
    {"m": pack_call(CALL_OF_NOBODY), "n": b"x"},
    {"m": pack([99, "attacker1", 1, 0, {}, []])},
    {"m": pack([1, "attacker1", 1, 0, {}, []])},
    {"m": pack([1, "attacker1", -1, 0, [], []])},
    {"m": pack([1, "../../x:y", 1, 0, {}, [[0, 1, ["add"], b""]]])},
    {"m": pack([1, "attacker1", 1, 0, {}, [[0, 1, [["add"]], b""]]])},
    {"m": b"\x91" * 1000 + b"\x01"},
    {"m": b"\xdd\xff\xff\xff\xff"},
    {"m": b"\xc7\x01\x63\x00"},
]


async def test_entry_that_is_no_call_becomes_one_dead_letter_and_the_worker_lives_on(place, server):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        pid = await services.probe.pid()
        for fields in GARBAGE:
            server.xadd(place.key("calls", "Default"), fields)
        await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "an empty stream")

        assert await services.probe.pid() == pid
    reasons = [unpack(fields[b"m"])[1] for _, fields in server.xrange(place.key("dead"))]
    assert reasons == ["undecodable"] * len(GARBAGE)


async def test_call_with_odd_options_is_refused_or_run_and_the_worker_lives_on(place, server):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        pid = await services.probe.pid()
        odd = [
            {"keep": 2**63}, {"keep": "x"}, {"retries": -1}, {"retries": "x"}, {"props": 1}, {"props": b"\xc1"},
            {"key": 5}, {"key": ""}, {"key": "x" * 300}, {"hops": "x"}, {"hops": -1}, {"again": 5}, {"oneway": "x"},
            {"new": [1]},
        ]  # fmt: skip
        for options in odd:
            call = CALL_OF_NOBODY._replace(options={"oneway": True, **options})
            server.xadd(place.key("calls", "Default"), {"m": pack_call(call)})
        await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "an empty stream")

        assert await services.probe.pid() == pid


async def test_call_larger_than_its_service_takes_is_refused_with_the_reason(place):
    place.workers.start(place.probe(), "--max-message-bytes", "4KiB").ready()
    async with place.connect() as services:
        with pytest.raises(PayloadTooLarge, match="the service takes 4096"):
            await services.probe.echo("x" * 10_000)
        assert await services.probe.add(1, 2) == 3


async def test_thousands_of_cancellations_leave_nothing_and_disturb_nobody(place, server):
    place.workers.serve(place.probe())
    dice = random.Random(7)
    async with place.connect() as services:

        async def given_up(number):
            call = asyncio.ensure_future(services.probe.rest(number))
            await asyncio.sleep(dice.random() * 0.3)
            call.cancel()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

        async def kept(number):
            assert await services.probe.add(number, 1) == number + 1

        await asyncio.gather(*[given_up(n) for n in range(3000)], *[kept(n) for n in range(1000)])
        assert await services.probe.add(1, 2) == 3
        await until(lambda: server.xlen(place.key("calls", "Default")) == 0, "an empty stream")
        names = [client["name"] for client in server.client_list() if client["name"].startswith("callyard-client")]
        assert len(names) <= 2

"""Deadlines of open calls, told in time and without keeping memory for calls that have ended."""

import asyncio
import sys
from typing import Any

from client.calling.expiry import Expiry
from client.calling.open_call import OpenCall


def call(sequence: int, deadline: float) -> OpenCall:
    producer: Any = None  # not looked at here
    return OpenCall(sequence, b"", producer, ("add",), deadline, asyncio.Future(), oneway=False)


async def test_calls_that_are_still_there_at_their_deadline_are_told_and_no_others():
    loop = asyncio.get_running_loop()
    ended: asyncio.Queue[int] = asyncio.Queue()
    expiry = Expiry(lambda call: ended.put_nowait(call.sequence))
    first, second, third = (call(number, loop.time() + 0.02) for number in (1, 2, 3))

    for each in (first, second, third):
        expiry.add(each, loop)
    expiry.remove(second)

    assert {await ended.get(), await ended.get()} == {1, 3}
    assert ended.empty()
    expiry.close()


async def test_deadline_that_is_far_away_keeps_no_room_for_calls_that_have_ended():
    loop = asyncio.get_running_loop()
    expiry = Expiry(lambda call: None)
    calls = [call(number, 3600.0) for number in range(1000)]
    for each in calls:
        expiry.add(each, loop)
    [(watched, _)] = expiry._due.values()
    full = sys.getsizeof(watched)

    for each in calls:
        expiry.remove(each)

    assert sys.getsizeof(watched) < full / 100
    expiry.close()

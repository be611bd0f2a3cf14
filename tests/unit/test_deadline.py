"""Deadlines and Redis's clock."""

import math

import anyio
import anyio.lowlevel
from hypothesis import given
from hypothesis import strategies as st

from client.calling.deadline import DEFAULT_TIMEOUT, RedisClock, earliest, scope_deadline

moments = st.floats(0, 1e7)
limits = st.floats(0, 1e7) | st.just(math.inf)


@given(moments, st.none() | st.floats(0, 1e6), limits, limits)
def test_the_earliest_of_all_limits_is_the_deadline(now, timeout, scope, enclosing):
    deadline = earliest(now, timeout, scope, enclosing)

    assert deadline == min(now + (DEFAULT_TIMEOUT if timeout is None else timeout), scope, enclosing)


def test_an_infinite_timeout_still_gives_a_moment_that_can_travel():
    assert math.isfinite(earliest(0.0, math.inf, math.inf, math.inf))


@given(st.floats(0, 1e6), st.integers(1, 2**31), st.integers(0, 999_999))
def test_a_moment_of_this_process_comes_back_from_redis_clock(monotonic, seconds, microseconds):
    clock = RedisClock()
    clock.set(seconds, microseconds, sent=10.0, received=10.2)

    assert abs(clock.monotonic(clock.at(monotonic)) - monotonic) < 0.01
    assert clock.at(10.1) in range(int(seconds * 1000 + microseconds / 1000) - 1, seconds * 1000 + 1002)


async def test_deadline_of_a_cancel_scope_counts():
    with anyio.CancelScope(deadline=anyio.current_time() + 5) as scope:
        await anyio.lowlevel.checkpoint()
        assert scope_deadline() == scope.deadline

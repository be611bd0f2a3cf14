"""Small machines of delivery: the lane, shares, the watchdog's verdict, digests of arguments."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.codec import encode
from broker.methods.policy import LONGEST_PAUSE, Policy
from broker.redelivery import Decision, decide
from worker_runtime.groups.lane import Lane
from worker_runtime.invoking.claims import share
from worker_runtime.process.watchdog import SLOW_SECONDS, STUCK_SECONDS, Verdict, judge
from worker_runtime.settling.once import digest_of

scalars = st.none() | st.booleans() | st.integers() | st.text() | st.binary()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.sets(st.text() | st.integers()) | st.tuples(inner)
    ),
    max_leaves=20,
)


async def test_lane_lets_one_suspect_begin_at_a_time_and_in_order():
    lane = Lane()
    leave = await lane.enter()
    second, third = asyncio.create_task(lane.enter()), asyncio.create_task(lane.enter())
    await asyncio.sleep(0)
    assert not second.done()

    leave()
    leave()
    leave_second = await second
    assert not third.done()
    leave_second()
    (await third)()


@given(st.integers(1, 10_000), st.integers(1, 50))
def test_no_service_of_a_pool_can_take_all_places_where_there_are_enough(concurrency, services):
    most = share(concurrency, services)

    assert 1 <= most <= concurrency
    if concurrency >= 2 * services and services > 1:
        assert most < concurrency
    if services == 1:
        assert most == concurrency


@pytest.mark.parametrize(
    ("silent", "working", "reported", "verdict"),
    [
        (0, False, False, Verdict.WELL),
        (SLOW_SECONDS, True, False, Verdict.REPORT),
        (SLOW_SECONDS, True, True, Verdict.WELL),
        (STUCK_SECONDS, True, True, Verdict.WELL),
        (STUCK_SECONDS, False, True, Verdict.END),
    ],
)
def test_blocked_loop_is_reported_once_and_ends_the_process_only_if_no_call_explains_it(
    silent, working, reported, verdict
):
    assert judge(silent, working=working, reported=reported) is verdict


@given(values)
def test_equal_arguments_have_equal_digests_however_their_sender_ordered_them(value):
    def reordered(item):
        if isinstance(item, dict):
            return {key: reordered(item[key]) for key in reversed(list(item))}
        if isinstance(item, list | tuple):
            return type(item)(map(reordered, item))
        return {*list(item)[::-1]} if isinstance(item, set) else item

    limit = 1 << 20
    assert digest_of(encode([[value], {}]), limit) == digest_of(encode([[reordered(value)], {}]), limit)


@given(values, values)
def test_different_arguments_have_different_digests(one, other):
    packed = [encode([[value], {}]) for value in (one, other)]
    same = digest_of(packed[0], 1 << 20) == digest_of(packed[1], 1 << 20)

    # 1 and True are equal to Python and are not the same argument.
    assert same == (repr(one) == repr(other) or (same and one == other))


@given(st.integers(1, 1100), st.integers(0, 1000), st.integers(), st.integers(), st.booleans())
def test_every_delivery_is_run_expired_or_abandoned_by_its_count_and_its_deadline(
    count, retries, deadline, now, replied
):
    decision = decide(delivery_count=count, retries=retries, deadline=deadline, now=now, replied=replied)

    assert (decision is Decision.ABANDON) == (count > retries + 1)
    if decision is Decision.EXPIRE:
        assert now >= deadline
        assert not replied
    if decision is Decision.RUN:
        assert replied or now < deadline


@given(st.floats(0.001, 1e6), st.integers(1, 10_000))
def test_backoff_grows_with_the_deliveries_and_is_bounded(backoff, count):
    policy = Policy(backoff=backoff)

    assert policy.pause(1) == 0
    assert 0 <= policy.pause(count) <= policy.pause(count + 1) <= LONGEST_PAUSE
    assert Policy().pause(count) == 0

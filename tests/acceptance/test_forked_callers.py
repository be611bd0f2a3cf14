"""A process that is forked while it has services connected, as servers do that load the application first."""

import gc
import multiprocessing

import pytest

from client import connect_blocking
from tests.support.workers import service_folder

FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def shop_stage(stage):
    stage.workers.serve(service_folder(stage.folder, "shop", vars={"DIARY": str(stage.diary.path)}))
    return stage


def forked(function):
    """What *function* gives, or the exception that it raises, in a process that was forked from this one."""
    results = FORK.SimpleQueue()

    def run():
        try:
            results.put(function())
        except Exception as error:
            results.put(f"{type(error).__name__}: {error}")

    child = FORK.Process(target=run)
    child.start()
    child.join(10)
    if child.is_alive():
        child.kill()
        pytest.fail("The child hangs.")
    return results.get()


def test_a_connection_of_the_parent_cannot_be_used_by_its_child_and_says_so(shop_stage):
    with connect_blocking(shop_stage.url, prefix=shop_stage.prefix) as services:
        counter, numbers = services.shop.counter(1), services.shop.count(3)
        for use in (
            lambda: services.shop.add(1, 2),
            lambda: counter.add(1),
            lambda: next(numbers),
            lambda: services.describe("shop"),
        ):
            assert "connect_blocking() in each process, after the fork" in forked(use)

        assert counter.add(1) == 2
        assert list(numbers) == [0, 1, 2]


def test_a_child_that_leaves_the_block_of_its_parent_closes_nothing_there(shop_stage):
    with connect_blocking(shop_stage.url, prefix=shop_stage.prefix) as services:
        counter, numbers = services.shop.counter(1), services.shop.count(3)

        def leave():
            numbers.close()
            services.__exit__(None, None, None)
            return "left"

        assert forked(leave) == "left"
        assert counter.add(1) == 2
        assert list(numbers) == [0, 1, 2]


def test_a_child_connects_for_itself(shop_stage):
    def call():
        with connect_blocking(shop_stage.url, prefix=shop_stage.prefix) as services:
            return services.shop.add(1, 2)

    with connect_blocking(shop_stage.url, prefix=shop_stage.prefix) as services:
        assert services.shop.add(1, 2) == 3
        assert forked(call) == 3
        assert services.shop.add(1, 2) == 3


def test_a_child_ends_although_it_forgets_what_its_parent_connected(shop_stage):
    services = connect_blocking(shop_stage.url, prefix=shop_stage.prefix)
    services.__enter__()
    holder = [services]
    try:

        def forget():
            holder.clear()
            nonlocal services
            services = None
            return gc.collect() > 0

        assert forked(forget) is True
        assert services.shop.add(1, 2) == 3
    finally:
        services.__exit__(None, None, None)

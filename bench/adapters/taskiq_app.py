"""The service on taskiq: a Redis stream broker and a Redis result backend."""

import os

from taskiq_redis import RedisAsyncResultBackend, RedisStreamBroker

from bench.tally import ran

URL = os.environ["BENCH_URL"]

broker = RedisStreamBroker(URL, consumer_id="0").with_result_backend(
    RedisAsyncResultBackend(URL, result_ex_time=60),
)


@broker.task
async def add(a: int, b: int) -> int:
    """The echo call."""
    ran()
    return a + b


@broker.task
async def payload(text: str) -> str:
    """Give back what came."""
    ran()
    return text

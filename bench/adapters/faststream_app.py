"""The service on FastStream: Redis streams with a consumer group."""

import os

from faststream import FastStream
from faststream.redis import RedisBroker, StreamSub

from bench.tally import ran

# A logger of its own would write two lines for each message.
broker = RedisBroker(os.environ["BENCH_URL"], logger=None)
app = FastStream(broker)


@broker.subscriber(stream=StreamSub("add", group="workers", consumer="worker", last_id=">"))
async def add(a: int, b: int) -> int:
    """The echo call."""
    ran()
    return a + b


@broker.subscriber(stream=StreamSub("payload", group="workers", consumer="worker", last_id=">"))
async def payload(text: str) -> str:
    """Give back what came."""
    ran()
    return text

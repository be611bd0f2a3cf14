"""The service on Celery: Redis as broker and as result backend."""

import os

from celery import Celery
from celery.signals import worker_ready

from bench.tally import ran

URL = os.environ["BENCH_URL"]

app = Celery("bench", broker=URL, backend=URL)
app.conf.result_expires = 60
app.conf.worker_prefetch_multiplier = 128


@app.task
def add(a: int, b: int) -> int:
    """The echo call."""
    ran()
    return a + b


@app.task
def payload(text: str) -> str:
    """Give back what came."""
    ran()
    return text


@app.task(ignore_result=True)
def submitted(a: int, b: int) -> int:
    """The one-way call."""
    ran()
    return a + b


@worker_ready.connect
def say(**_: object) -> None:
    """Say what Celery itself says only where it logs every task as well."""
    print("ready", flush=True)

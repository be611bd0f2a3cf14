"""Calls to Celery, whose client blocks: bursts of calls, and their results as they come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from celery.result import ResultSet

from bench.adapters.celery_app import add, app, payload, submitted

Burst = Callable[..., Iterator[Any]]


@contextmanager
def bursts(_url: str, operation: str) -> Iterator[Burst]:
    """A function that sends so many calls and yields what each gives."""
    task = {"echo": add, "payload": payload}.get(operation)

    def call(count: int, *args: Any) -> Iterator[Any]:
        assert task is not None
        if count == 1:
            yield task.delay(*args).get(timeout=60)
            return
        sent = ResultSet([task.delay(*args) for _ in range(count)])
        for _, outcome in sent.iter_native(timeout=60):
            yield outcome["result"]

    def submit(count: int, *args: Any) -> Iterator[None]:
        for _ in range(count):
            submitted.delay(*args)
            yield None

    yield submit if operation == "submit" else call
    app.close()

"""Calls to Celery, whose client blocks: bursts of calls, and their results as they come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench.adapters.celery_app import add, app, payload, submitted

Burst = Callable[..., Iterator[Any]]


@contextmanager
def bursts(_url: str, operation: str) -> Iterator[Burst]:
    """A function that sends so many calls and yields what each gives."""
    task = {"echo": add, "payload": payload}.get(operation)

    def call(count: int, *args: Any) -> Iterator[Any]:
        assert task is not None
        # Waiting for a set of results sleeps half a second first; waiting for one after the other does not.
        sent = [task.delay(*args) for _ in range(count)]
        for outcome in sent:
            yield outcome.get(timeout=60)

    def submit(count: int, *args: Any) -> Iterator[None]:
        for _ in range(count):
            submitted.delay(*args)
            yield None

    yield submit if operation == "submit" else call
    app.close()

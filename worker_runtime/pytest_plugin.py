"""The pytest plugin `callyard`: the fixture of the same name, and the end of the private broker.

pytest loads it by itself where Callyard is installed, so it imports next to nothing until a test asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from worker_runtime.testing import BlockingServed, Served, ServiceUnderTest
    from worker_runtime.testing.subject import Target


class Callyard:
    """What the fixture `callyard` gives: services for one test."""

    def __init__(self, broker: str | None, ends_with_test: ExitStack) -> None:
        self._broker = broker
        self._ends_with_test = ends_with_test

    def serve(
        self,
        *targets: Target | ServiceUnderTest,
        bindings: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> AbstractAsyncContextManager[Served]:
        """Run services in the event loop of the test: `async with callyard.serve(Greeter) as greeter:`."""
        from worker_runtime.testing import serve

        return serve(*targets, bindings=bindings, variables=variables, broker=self._broker)

    def serve_blocking(
        self,
        *targets: Target | ServiceUnderTest,
        bindings: Mapping[str, Any] | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> BlockingServed:
        """Run services in a thread until the test ends."""
        from worker_runtime.testing import serve_blocking

        serving = serve_blocking(*targets, bindings=bindings, variables=variables, broker=self._broker)
        return self._ends_with_test.enter_context(serving)


@pytest.fixture
def callyard(request: pytest.FixtureRequest) -> Iterator[Callyard]:
    """Run services in the test's own process: `callyard.serve(...)` and `callyard.serve_blocking(...)`."""
    with ExitStack() as ends_with_test:
        yield Callyard(request.config.getoption("--callyard-broker"), ends_with_test)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--callyard-broker`."""
    parser.getgroup("callyard").addoption(
        "--callyard-broker", metavar="URL", help="run services on this Redis in place of a private one"
    )


def pytest_unconfigure() -> None:
    """Stop the private broker, if a test needed one."""
    used = sys.modules.get("worker_runtime.testing.private_broker")
    if used is not None:
        used.private_broker.stop()

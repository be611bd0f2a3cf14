"""`serve_blocking`: the same for tests without an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from client import connect_blocking
from client.blocking.services import BlockingServices, BlockingStub
from worker_runtime.testing.recorded import BackgroundTask, CallMade
from worker_runtime.testing.served import Served, serve
from worker_runtime.testing.subject import ServiceUnderTest, Target

_T = TypeVar("_T")


class BlockingServed:
    """Services that run in a thread of their own, and what happened to them; see `Served`.

    Attributes:
        services: All of them, as `client.connect_blocking` gives them.
        url: The broker.
        prefix: The first part of their keys there; no other test has it.
    """

    def __init__(self, served: Served, services: BlockingServices, portal: BlockingPortal) -> None:
        self.services: Final = services
        self.url: Final = served.url
        self.prefix: Final = served.prefix
        self._served = served
        self._portal = portal

    @property
    def stub(self) -> BlockingStub:
        """A stub of the default entrypoint of the first service."""
        return self.services.service(self._served.names[0])

    @property
    def env(self) -> Any:
        """The `env` of the first service; what is async in it is called by `run`."""
        return self._served.env

    def run(self, function: Callable[..., Awaitable[_T]], *args: Any) -> _T:
        """Call an async *function* where the services run, as in `served.run(served.env.KV.put, "name", "value")`.

        Raises: what it raises.
        """
        return self._portal.call(function, *args)

    def calls(self, binding: str, *, service: str | None = None) -> list[CallMade]:
        """The calls made so far through the replaced *binding*; see `Served.calls`."""
        return self._served.calls(binding, service=service)

    def settled(self, timeout: float = 5.0) -> None:
        """Wait until every call made so far has ended; see `Served.settled`."""
        self._portal.call(self._served.settled, timeout)

    def background(self, timeout: float = 5.0) -> list[BackgroundTask]:
        """All `waitUntil` tasks so far, once they have ended; see `Served.background`."""
        return self._portal.call(self._served.background, timeout)


@contextmanager
def serve_blocking(
    *targets: Target | ServiceUnderTest,
    bindings: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    broker: str | None = None,
) -> Generator[BlockingServed]:
    """Run services in a thread of their own for the length of the `with` block; arguments and errors are `serve`'s."""
    with start_blocking_portal("asyncio") as portal:
        serving = serve(*targets, bindings=bindings, variables=variables, broker=broker)
        with (
            portal.wrap_async_context_manager(serving) as served,
            connect_blocking(served.url, prefix=served.prefix) as services,
        ):
            yield BlockingServed(served, services, portal)

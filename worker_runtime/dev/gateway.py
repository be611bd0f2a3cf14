"""HTTP for developers: a gateway beside the processes that come and go, so that it outlives them all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any, Final, Self

from anyio.from_thread import start_blocking_portal

from client.gateway import Gateway, Limits, Route
from client.gateway.incoming import Receive
from client.gateway.outgoing import Send
from client.gateway.server import GatewayServer, Listen
from client.services import connect
from worker_runtime.process.first_service import FirstService


class Switch:
    """An ASGI application that hands requests to the gateway of the moment; those that come before there is one wait.

    Attributes:
        limits: What one request may cost.
    """

    def __init__(self, url: str) -> None:
        self.limits: Final = Limits()
        self._url = url
        self._known = asyncio.Event()
        self._first: FirstService | None = None
        self._gateway: Gateway | None = None
        self._stack = AsyncExitStack()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        await self._known.wait()
        assert self._gateway is not None
        await self._gateway(scope, receive, send)

    async def __aenter__(self) -> Self:
        """Connect nothing yet."""
        return self

    async def close(self) -> None:
        """Disconnect; requests that are still open fail."""
        await self._stack.aclose()

    async def turn_to(self, first: FirstService) -> None:
        """Answer with *first* from here on; requests that run end where they began.

        Raises:
            BrokerUnavailable: No Redis answers.
        """
        if first == self._first:
            return
        connecting = connect(self._url, prefix=first.prefix, max_message_bytes=first.max_message_bytes)
        services = await self._stack.enter_async_context(connecting)
        self._gateway = Gateway(services, routes=[Route(None, "/", first.name)], limits=self.limits)
        self._first = first
        self._known.set()


class DevGateway:
    """Answers HTTP from a thread of its own with whatever service is the first at the moment.

    Attributes:
        url: Where it takes requests.
    """

    def __init__(self, listen: Listen, url: str) -> None:
        """Take requests at *listen*, which wait until `turn_to`; *url* is the broker.

        Raises:
            ConfigurationError: The address cannot be had, or the extra `callyard[http]` is not installed.
        """
        self._switch = Switch(url)
        self._server = GatewayServer(self._switch, listen)
        self._grace = 0.0
        with ExitStack() as stack:
            self._portal = stack.enter_context(start_blocking_portal("asyncio"))
            self.url: Final = self._portal.call(self._server.start).url
            self._stack = stack.pop_all()

    def turn_to(self, first: FirstService) -> None:
        """Answer with *first* from here on.

        Raises:
            BrokerUnavailable: No Redis answers.
        """
        self._grace = first.grace
        self._portal.call(self._switch.turn_to, first)

    def stop(self) -> Future[None]:
        """Take no more requests; what is returned is done when those that run have ended, or their time is over."""
        return self._portal.start_task_soon(self._server.stop, self._grace)

    def __enter__(self) -> Self:
        """Be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever still runs: nothing of it keeps the process from its own end."""
        self._portal.call(partial(self._portal.stop, cancel_remaining=True))
        self._stack.close()

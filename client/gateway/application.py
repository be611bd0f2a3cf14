"""The gateway as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, cast

from broker.errors import ProtocolError
from broker.http import Request, Response
from client.gateway.admission import Admitted, admit
from client.gateway.exchange import Exchange
from client.gateway.forwarding import Network, read_networks
from client.gateway.incoming import Receive
from client.gateway.limits import Limits
from client.gateway.outgoing import Send
from client.gateway.routes import Route, check_routes, read_route
from client.services import Services, connect, limit_of
from client.stubs.stub import options

STREAM_ABOVE: Final = 65_536
"""Bytes of a request's body that are passed on at once."""


class Gateway:
    """An ASGI application that answers HTTP requests with the `fetch` of services.

    Runs under any ASGI server on asyncio, alone or mounted in another application; routes are then relative to where
    it is mounted. It connects when the server starts it, at the first request where the server does not say, or at
    `async with gateway:`; `Services` that it is given are its giver's to open and close.

    A client that goes away cancels the call. What is no answer of the service is `application/problem+json`, with the
    ID under which the log has the reason. WebSockets are refused.
    """

    def __init__(
        self,
        services: Services | str | None = None,
        *,
        routes: Iterable[str | Route] | Mapping[str, str],
        limits: Limits | None = None,
        trusted: Iterable[str] = (),
        stream_above: int | None = STREAM_ABOVE,
        connect_timeout: float = 10.0,
    ) -> None:
        """Answer what *routes* name, with *services* or those on the Redis at a URL (default: as `connect`).

        Args:
            services: The services, or where Redis is.
            routes: Texts such as "host.example/admin=todo-app#AdminEntrypoint", or a mapping of "host.example/admin"
                to "todo-app#AdminEntrypoint".
            limits: What one request may cost.
            trusted: Networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
            stream_above: Bodies of requests with more bytes are streamed to the service, and then the call is not
                made again when its worker is lost. None: none is, and a body has to fit into one message.
            connect_timeout: Seconds that Redis has to answer.

        Raises:
            ConfigurationError: a route, a limit or a network is wrong.
        """
        self.routes: Final = check_routes(_listed(routes))
        self.limits: Final = limits or Limits()
        self._trusted: Final[tuple[Network, ...]] = read_networks(trusted)
        self._stream_above: Final = stream_above
        self._given: Final = services
        self._services = services if isinstance(services, Services) else None
        self._stack = AsyncExitStack()
        self._opening: asyncio.Task[Services] | None = None
        self._patience: Final = connect_timeout

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case "websocket":
                await _refuse_socket(scope, receive, send)
            case kind:
                raise ValueError(f"The gateway serves HTTP, not {kind}.")

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BrokerUnavailable: no Redis answers.
        """
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Disconnect, unless the connection is somebody else's; requests that are still open fail. Twice is once."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        if not isinstance(self._given, Services):
            self._services = None
        await self._stack.aclose()

    async def _open(self) -> Services:
        if self._services is not None:
            return self._services
        if self._opening is None:
            # One attempt for all requests that wait for it, which may give up without ending it.
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(self._opening)

    async def _connect(self) -> Services:
        url = self._given if isinstance(self._given, str) else None
        try:
            self._services = await self._stack.enter_async_context(connect(url, connect_timeout=self._patience))
        finally:
            self._opening = None
        return self._services

    async def _live(self, receive: Receive, send: Send) -> None:
        """Follow the start and the end of the server."""
        await receive()
        try:
            await self._open()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, send, stall=self.limits.stall)
        try:
            admitted = admit(scope, exchange.id, self.routes, self.limits, self._trusted)
            services = await self._open()
        except Exception as error:
            await exchange.refuse(error)
            return
        whole, limit = self._stream_above, limit_of(services)
        if whole is None:
            most = min(self.limits.body, limit)
        else:
            # The rest of a message is for its head.
            most, whole = self.limits.body, min(whole, limit // 2)
        await exchange.run(admitted, receive, partial(_fetch, services, exchange), most=most, whole=whole)


def _listed(routes: Iterable[str | Route] | Mapping[str, str]) -> list[Route]:
    if isinstance(routes, Mapping):
        named = cast("Mapping[str, str]", routes)
        return [read_route(f"{place}={target}") for place, target in named.items()]
    return [each if isinstance(each, Route) else read_route(each) for each in routes]


async def _fetch(services: Services, exchange: Exchange, admitted: Admitted, request: Request) -> Response:
    stub = services.service(admitted.route.service, admitted.route.entrypoint)
    response: Any = await options(stub, timeout=exchange.left(admitted)).fetch(request)
    if not isinstance(response, Response):
        raise ProtocolError(f"The service answered with {type(response).__name__}, which is no Response.")
    return response


async def _refuse_socket(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await send({"type": "websocket.http.response.start", "status": 501, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": "WebSockets are not supported."})

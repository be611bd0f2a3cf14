"""The gateway on a socket of its own: uvicorn, and what it leaves open."""

from __future__ import annotations

import asyncio
import math
import re
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

from broker.errors import ConfigurationError
from client.gateway.incoming import Receive
from client.gateway.limits import Limits
from client.gateway.outgoing import Send

if TYPE_CHECKING:
    from client.gateway.http11 import QuietServer

_QUEUED: Final = 1024

_ADDRESS: Final = re.compile(r"(?:(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>\d{1,5})", re.ASCII)


class Listen(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The URL that reaches it."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def read_listen(text: str) -> Listen:
    """Read `HOST:PORT`, or a port of 127.0.0.1.

    Raises:
        ConfigurationError: *text* is neither.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ConfigurationError(f"{text!r:.80} is no address to listen at.", fix="Write HOST:PORT.")
    return Listen((match["host"] or "127.0.0.1").strip("[]"), int(match["port"]))


class Application(Protocol):
    """A gateway, as far as its server is concerned."""

    @property
    def limits(self) -> Limits:
        """What one request may cost."""
        ...

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection scope of ASGI."""
        ...

    async def __aenter__(self) -> Self:
        """Connect."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class GatewayServer:
    """Serves a gateway over HTTP/1.1 on one address. It connects the gateway, and disconnects it at the end."""

    def __init__(self, gateway: Application, listen: Listen, *, shared: bool = False) -> None:
        """Prepare to serve *gateway*; *shared* lets other processes of the same user listen there too.

        Raises:
            ConfigurationError: uvicorn is not installed.
        """
        self._gateway = gateway
        self._listen = listen
        self._shared = shared
        self._server = _uvicorn(gateway)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> Listen:
        """Take requests, and return where.

        Raises:
            ConfigurationError: the address cannot be had.
            BrokerUnavailable: no Redis answers.
        """
        bound = _bind(self._listen, shared=self._shared)
        try:
            await self._gateway.__aenter__()
        except BaseException:
            bound.close()
            raise
        self._serving = asyncio.create_task(self._server.serve([bound]))
        started = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait([started, self._serving], return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        return Listen(self._listen.host, bound.getsockname()[1])

    async def stopped(self) -> None:
        """Wait until it ends, which it does only when asked to, and raise what ended it. Safe to cancel."""
        assert self._serving is not None
        await asyncio.shield(self._serving)

    async def stop(self, grace: float) -> None:
        """Take no more requests, let those that run end within *grace* seconds, cancel the rest, and disconnect."""
        if self._serving is not None:
            self._server.config.timeout_graceful_shutdown = math.ceil(grace)
            self._server.should_exit = True
            await asyncio.wait([self._serving])
        await self._gateway.close()


def _bind(listen: Listen, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        return socket.create_server((listen.host, listen.port), family=family, backlog=_QUEUED, reuse_port=shared)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen at {listen.host}:{listen.port}: {error.strerror or error}.") from error


def _uvicorn(gateway: Application) -> QuietServer:
    try:
        from client.gateway.http11 import make_server
    except ImportError as error:
        raise ConfigurationError("Serving HTTP needs uvicorn.", fix="pip install 'callyard[http]'") from error
    return make_server(gateway, most_head=gateway.limits.head)

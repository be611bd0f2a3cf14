"""uvicorn as the gateway wants it. Only to be imported where the extra `callyard[http]` is wanted."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from client.gateway.outgoing import Broken, Send
from client.gateway.problems import Problem, body_of, fields_of

MOST_CONNECTIONS: Final = 1000
"""Connections that one process serves at once; whoever comes beyond them gets 503."""
HEAD_SECONDS: Final = 20.0
"""How long a client may take to send the head of a request, or what is left of one that was answered."""
KEPT_ALIVE_SECONDS: Final = 75
"""How long a connection stays open between two requests."""
_REQUEST_LINE: Final = 16_384
"""Bytes of the first line of a request, more or less."""

_log = logging.getLogger("callyard.gateway")


class PatientProtocol(H11Protocol):
    """Cuts connections that do not get a head done, or a body whose request was answered already.

    Without this a server would wait for them for ever. Where there are more connections than there may be, the new ones
    are refused and the others served.
    """

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency:
            self.app = _refuse
        # The server itself would refuse everybody, those too that have been here for long.
        self.limit_concurrency = None
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See whether a head is done."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Go on with the next request, unless another server could have seen it begin elsewhere."""
        # RFC 9112, 6.1: whatever comes behind a request that says its length in two ways may be a part of it.
        if {b"content-length", b"transfer-encoding"} <= {name for name, _ in self.headers}:
            self.transport.close()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._unwatch()
        super().connection_lost(exc)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing of libraries to install: the gateway itself refuses, and logs it."""

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE and self.conn.our_state is not h11.DONE:
            self._unwatch()
        elif self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _unwatch(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class QuietServer(uvicorn.Server):
    """Leaves signals to whoever runs it, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Do nothing about signals."""
        yield


async def _refuse(_scope: Any, _receive: Any, send: Send) -> None:
    """Answer that there are too many, and close the connection."""
    problem = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections.", retry_after=1)
    request_id = secrets.token_hex(8)
    body = body_of(problem, request_id)
    fields = {**fields_of(problem, request_id), "content-length": str(len(body)), "connection": "close"}
    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    _log.info("%s refused: there are too many connections", request_id)
    await send({"type": "http.response.start", "status": int(problem.status), "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the gateway has not logged it already: uvicorn hears of a broken response only to cut it off."""
    return record.exc_info is None or not isinstance(record.exc_info[1], Broken)


def make_server(application: Any, *, most_head: int, most_connections: int = MOST_CONNECTIONS) -> QuietServer:
    """A server for *application* that takes heads of about *most_head* bytes."""
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return QuietServer(
        uvicorn.Config(
            application,
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=most_connections,
            timeout_keep_alive=KEPT_ALIVE_SECONDS,
            h11_max_incomplete_event_size=most_head + _REQUEST_LINE,
        )
    )

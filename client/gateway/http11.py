"""uvicorn as the gateway wants it. Only to be imported where the extra `callyard[http]` is wanted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS: Final = 1000
"""Connections that one process serves at once; whoever comes beyond gets 503."""
HEAD_SECONDS: Final = 20.0
"""How long a client may take to send the head of a request."""
KEPT_ALIVE_SECONDS: Final = 75
"""How long a connection stays open between two requests."""
_REQUEST_LINE: Final = 16_384
"""Bytes of the first line of a request, more or less."""


class PatientProtocol(H11Protocol):
    """Cuts connections that do not get a head done; without this a server would wait for them for ever."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """See whether a head is done."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
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


def make_server(application: Any, *, most_head: int) -> QuietServer:
    """A server for *application* that takes heads of about *most_head* bytes."""
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
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEPT_ALIVE_SECONDS,
            h11_max_incomplete_event_size=most_head + _REQUEST_LINE,
        )
    )

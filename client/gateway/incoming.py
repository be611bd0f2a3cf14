"""The body of a request on its way in, and the moment its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from client.gateway.problems import Refused

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_KEPT: Final = 2
"""Pieces that wait for whoever reads them; the server holds back the rest."""


class Incoming:
    """The body of one request. One task, `listen`, takes what the server has; whoever wants the body reads it here."""

    def __init__(self, receive: Receive, most: int) -> None:
        self.refused: Refused | None = None
        """Why the rest was not let through, if it was not."""
        self._receive = receive
        self._most = most
        self._size = 0
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_KEPT)

    async def listen(self) -> None:
        """Take in the body, and return when the client has gone away. Made to be cancelled."""
        more = True
        while (message := await self._receive())["type"] != "http.disconnect":
            if not more:
                continue
            if message.get("body"):
                await self._pieces.put(bytes(message["body"]))
            more = message.get("more_body", False)
            if not more:
                await self._pieces.put(None)

    async def read(self, whole: int | None) -> bytes | AsyncIterable[bytes] | None:
        """The body: None where it is empty, bytes where it has at most *whole* of them (None: always), else a stream.

        Raises:
            Refused: it is larger than it may be. Of a stream, this is raised where the stream is read.
        """
        begun = bytearray()
        while (piece := await self._next()) is not None:
            begun += piece
            if whole is not None and len(begun) > whole:
                return self._stream(bytes(begun))
        return bytes(begun) or None

    async def _stream(self, begun: bytes) -> AsyncGenerator[bytes]:
        yield begun
        while (piece := await self._next()) is not None:
            yield piece

    async def _next(self) -> bytes | None:
        piece = await self._pieces.get()
        self._size += len(piece or b"")
        if self._size > self._most:
            self.refused = too_large(self._most)
            raise self.refused
        return piece


def too_large(most: int) -> Refused:
    """The refusal of a body that has more than *most* bytes."""
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body of a request may have {most} bytes.")

"""The body of a request on its way in, and the moment its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from client.gateway.problems import Refused

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]

_KEPT: Final = 2
"""Pieces that wait for whoever reads them; the server holds back the rest."""

_Item: TypeAlias = bytes | ConnectionError | None
"""A piece, the end, or why the rest does not come."""


class Incoming:
    """The body of one request. One task, `listen`, takes what the server has; whoever wants the body reads it here.

    A stream may be read by others than who answers the request: it ends with an error at `end`, and what nobody reads
    any more is taken from the client all the same, so that it comes to read the response.
    """

    def __init__(self, receive: Receive, most: int) -> None:
        self.refused: Refused | None = None
        """Why the rest was not let through, if it was not."""
        self._receive = receive
        self._most = most
        self._size = 0
        self._pieces: asyncio.Queue[_Item] = asyncio.Queue(_KEPT)
        self._wanted = True
        self._complete = False

    async def listen(self) -> None:
        """Take in the body, and return when the client has gone away. Made to be cancelled."""
        more = True
        while (message := await self._receive())["type"] != "http.disconnect":
            if not more:
                continue
            if message.get("body") and self._wanted:
                await self._pieces.put(bytes(message["body"]))
            more = message.get("more_body", False)
            if not more:
                await self._pieces.put(None)
                self._complete = True

    def end(self) -> None:
        """Nobody listens any more: what has not come breaks off where it is read."""
        if not self._complete:
            self._empty()
            self._pieces.put_nowait(ConnectionError("The rest of the request's body does not come: it has ended."))

    async def read(self, whole: int | None) -> bytes | Rest | None:
        """The body: None where it is empty, bytes where it has at most *whole* of them (None: always), else a stream.

        Raises:
            Refused: it is larger than it may be. Of a stream, this is raised where the stream is read.
        """
        begun = bytearray()
        while (piece := await self.next()) is not None:
            begun += piece
            if whole is not None and len(begun) > whole:
                return Rest(self, bytes(begun))
        return bytes(begun) or None

    async def next(self) -> bytes | None:
        """The next piece, or None at the end.

        Raises:
            Refused: the body is larger than it may be.
            ConnectionError: the rest does not come.
        """
        piece = await self._pieces.get()
        if isinstance(piece, ConnectionError):
            raise piece
        self._size += len(piece or b"")
        if self._size > self._most:
            self.refused = too_large(self._most)
            raise self.refused
        return piece

    def discard(self) -> None:
        """Nobody reads the rest."""
        self._wanted = False
        self._empty()

    def _empty(self) -> None:
        while not self._pieces.empty():
            self._pieces.get_nowait()


class Rest(AsyncIterator[bytes]):
    """A body that is read while it comes."""

    def __init__(self, incoming: Incoming, begun: bytes) -> None:
        self._incoming = incoming
        self._begun = begun

    async def __anext__(self) -> bytes:
        piece, self._begun = self._begun, b""
        piece = piece or await self._incoming.next()
        if piece is None:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Leave the rest unread. Twice is once."""
        self._incoming.discard()


def too_large(most: int) -> Refused:
    """The refusal of a body that has more than *most* bytes."""
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body of a request may have {most} bytes.")

"""A response on its way out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterable, Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from broker.http import BodyStream, Response
from client.gateway.forwarding import outbound
from client.gateway.problems import named

Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_NEVER_A_BODY: Final = (204, 205, 304)
_LENGTH: Final = re.compile(r"\d{1,18}", re.ASCII)
"""A length that servers take; what else a service says of it is left out."""


class Broken(Exception):
    """Raised when a response breaks off after its head was sent; the server must cut the connection."""


class Outgoing:
    """The way out for one response."""

    def __init__(self, send: Send, *, head_only: bool, stall: float) -> None:
        self.begun = False
        """Whether the head was sent, so that nothing else can be answered any more."""
        self.sent = 0
        """Bytes of the body that were sent."""
        self._send = send
        self._head_only = head_only
        self._stall = stall

    async def respond(self, response: Response) -> None:
        """Send *response*, a piece at a time as its body comes; closes the body, whatever happens.

        Raises:
            ValueError: it cannot be sent; nothing was.
            Broken: its body failed on the way, or the client takes too long to accept a piece.
        """
        body = response.body
        try:
            await self._begin(response, body)
            if isinstance(body, BodyStream) and not self._head_only:
                await self._pour(body)
            else:
                whole = body if isinstance(body, bytes) and not self._head_only else b""
                await self._piece(whole, more=False)
        finally:
            if isinstance(body, BodyStream):
                await body.aclose()

    async def _begin(self, response: Response, body: bytes | BodyStream | None) -> None:
        fields = outbound(response.headers)
        length = self._length(response, body)
        if length is not None:
            fields.append((b"content-length", str(length).encode()))
        await self._within({"type": "http.response.start", "status": response.status, "headers": fields})
        self.begun = True

    def _length(self, response: Response, body: bytes | BodyStream | None) -> int | None:
        if response.status in _NEVER_A_BODY:
            return None
        if isinstance(body, bytes):
            return len(body)
        said = response.headers.get("content-length", "")
        if (isinstance(body, BodyStream) or self._head_only) and _LENGTH.fullmatch(said):
            return int(said)
        return None if isinstance(body, BodyStream) or self._head_only else 0

    async def _pour(self, body: AsyncIterable[bytes]) -> None:
        try:
            async for piece in body:
                await self._piece(piece, more=True)
            # Refused where there was less than the header says.
            await self._piece(b"", more=False)
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"the body of the response raised {named(error)}") from error

    async def _piece(self, piece: bytes, *, more: bool) -> None:
        await self._within({"type": "http.response.body", "body": piece, "more_body": more})
        self.sent += len(piece)

    async def _within(self, message: dict[str, Any]) -> None:
        try:
            async with asyncio.timeout(self._stall):
                await self._send(message)
        except TimeoutError as error:
            raise Broken("the client took too long to accept a piece of the response") from error

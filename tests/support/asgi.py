"""One request to an ASGI application, without a server."""

import asyncio
from collections.abc import Iterable
from typing import Any


class Visit:
    """What an ASGI server does with one request: `receive`, `send`, and what came of it."""

    def __init__(self, *body: bytes, disconnect: bool = False) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.complete = False
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self.taken = 0
        """Pieces of the body that the application has taken."""
        self._body = list(body) or [b""]
        if disconnect:
            self.gone.set()

    async def receive(self) -> dict[str, Any]:
        if self._body:
            piece = self._body.pop(0)
            self.taken += 1
            return {"type": "http.request", "body": piece, "more_body": bool(self._body)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
            self.begun.set()
        else:
            self.pieces.append(message["body"])
            self.complete = not message["more_body"]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def header(self, name: str) -> str | None:
        found = [value.decode("latin-1") for key, value in self.headers if key == name.encode()]
        return ", ".join(found) if found else None


def scope(
    path: str = "/",
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: Iterable[tuple[bytes, bytes]] = (),
    host: bytes | None = b"host.example",
    **more: Any,
) -> dict[str, Any]:
    """What an ASGI server says of a request."""
    named = [] if host is None else [(b"host", host)]
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [*named, *headers],
        "client": ("192.0.2.1", 4711),
        "server": ("127.0.0.1", 8787),
        **more,
    }

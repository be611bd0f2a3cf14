"""Clients of a gateway by the hundred: those that behave, those that go away, those that are slow."""

import asyncio
import hashlib
import random
import socket
from pathlib import Path

from tests.support.gateways import head

PIECE = 65_536
"""Bytes of a piece that the service `crowd` makes."""


class Visitor:
    """One connection of somebody who says who it is, and checks that each answer is its own."""

    def __init__(self, url: str, who: str, many: int) -> None:
        self.who = who
        self._url = url
        self._many = many
        # The same bytes in every run.
        self._random = random.Random(who)

    async def connect(self, receive_buffer: int | None = None) -> None:
        """Open the connection."""
        host, _, port = self._url.removeprefix("http://").partition(":")
        connection = socket.socket()
        if receive_buffer is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
        self.reader, self.writer = await asyncio.open_connection(sock=connection, limit=PIECE)

    def make(self, size: int) -> bytes:
        """As many bytes that nobody else has."""
        return self._random.randbytes(size)

    async def ask(self, method: str, page: str, length: int = 0, query: str = "") -> None:
        """Send the head of a request."""
        target = f"/{page}?who={self.who}&many={self._many}{query}"
        self.writer.write(f"{method} {target} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode())
        await self.writer.drain()

    async def send(self, data: bytes) -> None:
        """Send a part of the body, as fast as it is taken."""
        self.writer.write(data)
        await self.writer.drain()

    async def answered(self) -> bytes:
        """The body of the next response, which is for this one."""
        fields = await self.head()
        return await self.reader.readexactly(int(fields["content-length"]))

    async def head(self) -> dict[str, str]:
        """The header fields of the next response, which is for this one."""
        status, fields = await head(self.reader)
        assert (status, fields.get("x-who")) == (200, self.who)
        return fields

    async def chunk(self) -> bytes:
        """The next piece of a response that comes piece by piece; empty at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def poured(self, pieces: int, first: int = 0) -> None:
        """Read so many pieces of what the service pours, and check every byte."""
        for number in range(first, first + pieces):
            read = bytearray()
            while len(read) < PIECE:
                read += await self.chunk()
            assert read == f"{self.who} {number} ".encode().ljust(PIECE, b".")

    def leave(self) -> None:
        """Close the connection, whatever is under way."""
        self.writer.close()


def checked(body: bytes) -> bytes:
    """What the service says of a *body* that it has read."""
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()


def peak_memory(pid: int) -> int:
    """The most bytes that the process held at once, so far."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

"""`python -m client gateway` as a person starts it, and clients that misbehave."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.workers import PATIENCE, WorkerProcess


class GatewayProcess(WorkerProcess):
    """A gateway process, from its start to its exit code."""

    module = "client"

    def __init__(self, *arguments: str) -> None:
        super().__init__("gateway", "--listen", "127.0.0.1:0", "-v", *arguments)

    def listening(self) -> str:
        """Its URL, once it takes requests."""
        line = self.line()
        assert line.startswith("ready http://"), f"{line} {''.join(self.errors)}"
        return line.split()[1]


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to the server at *url*."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()


async def head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and header fields of the response that comes next."""
    async with asyncio.timeout(PATIENCE):
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *fields = text.split("\r\n")[:-2]
    pairs = (field.split(": ", 1) for field in fields)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body of the response that comes next, which says its length."""
    status, fields = await head(reader)
    async with asyncio.timeout(PATIENCE):
        return status, await reader.readexactly(int(fields.get("content-length", 0)))


def free_port() -> int:
    """A port of loopback that nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port

"""A network that fails on command: a relay between a link and its server."""

import asyncio
from typing import Self


class Relay:
    """Passes bytes on in both directions, until told not to.

    Attributes:
        withheld: Set when a reply was kept back; the command is then known to be executed.
        connections: How many connections were made through it.
    """

    def __init__(self, port: int) -> None:
        self.withheld = asyncio.Event()
        self.connections = 0
        self._port = port
        self._pause = 0.0
        self._deaf: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and break those there are."""
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break the connections there are."""
        for writer in self._open:
            writer.transport.abort()

    def withhold(self) -> None:
        """Keep all replies on the connections there are now; later connections are not affected."""
        self.withheld.clear()
        self._deaf |= self._open

    def crawl(self, pause: float) -> None:
        """Pass on sixteen bytes at a time with *pause* seconds between them; 0 for as they come."""
        self._pause = pause

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            # The server is down: whoever comes through here finds that out as if there were no relay.
            writer.transport.abort()
            return
        self._open |= {writer, back}
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if target in self._deaf and target.get_extra_info("sockname")[1] == self.port:
                    self.withheld.set()
                elif self._pause:
                    for start in range(0, len(data), 16):
                        target.write(data[start : start + 16])
                        await asyncio.sleep(self._pause)
                else:
                    target.write(data)
        except ConnectionError:
            pass
        finally:
            self._open.discard(target)
            target.transport.abort()

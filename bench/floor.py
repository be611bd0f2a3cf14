"""The floor: the least that calls over Redis Streams can cost in Python, written by hand.

One stream, one consumer group, one worker; a call is an entry, a reply is an entry of the caller's
stream. Whatever one tick of the event loop produces leaves in one write, and replies are matched
to futures in order. Nothing else: no deadline, validation, error, lease, retry, limit or repair.
`python -m bench.floor URL` is the worker.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Final, Self
from urllib.parse import urlsplit

import hiredis
import msgpack

from bench.tally import ran

CALLS: Final = "floor:calls"
GROUP: Final = "workers"
LARGEST_READ: Final = 256

Method = Callable[..., Awaitable[Any]]


class Wire(asyncio.Protocol):
    """One connection; commands of one tick leave together."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any] | None] = deque()
        self._unsent: list[bytes] = []

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect to the Redis at *url*."""
        place = urlsplit(url)
        _, wire = await asyncio.get_running_loop().create_connection(cls, place.hostname, place.port)
        return wire

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Resolve the replies in *data*."""
        reader, waiting = self._reader, self._waiting
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            future = waiting.popleft()
            if future is not None and not future.done():
                future.set_result(reply)

    def tell(self, *command: bytes | str | int) -> None:
        """Send a command whose reply nobody wants."""
        self._put(command, None)

    def ask(self, *command: bytes | str | int) -> asyncio.Future[Any]:
        """Send a command."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._put(command, future)
        return future

    def close(self) -> None:
        """Drop the connection."""
        self._transport.abort()

    def _put(self, command: tuple[bytes | str | int, ...], future: asyncio.Future[Any] | None) -> None:
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(hiredis.pack_command(command))
        self._waiting.append(future)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        self._transport.write(b"".join(unsent))


class Caller:
    """Makes calls: one connection for commands, one that is blocked reading replies."""

    def __init__(self, commands: Wire, replies: Wire) -> None:
        self._commands = commands
        self._replies = replies
        self._channel = f"floor:reply:{secrets.token_hex(8)}"
        self._numbers = count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, url: str) -> Self:
        """A caller on the Redis at *url*."""
        return cls(await Wire.connect(url), await Wire.connect(url))

    def call(self, method: str, *args: Any) -> asyncio.Future[Any]:
        """Make a call; the future gets its result."""
        number = next(self._numbers)
        future = self._open[number] = asyncio.get_running_loop().create_future()
        self._commands.tell("XADD", CALLS, "*", "m", msgpack.packb((self._channel, number, method, args)))
        return future

    def submit(self, method: str, *args: Any) -> asyncio.Future[Any]:
        """Make a one-way call; the future gets the ID of its entry."""
        return self._commands.ask("XADD", CALLS, "*", "m", msgpack.packb(("", 0, method, args)))

    async def close(self) -> None:
        """Disconnect."""
        await self._commands.ask("DEL", self._channel)
        self._reading.cancel()
        self._commands.close()
        self._replies.close()

    async def _read(self) -> None:
        last = b"0"
        while True:
            read = self._replies.ask("XREAD", "COUNT", 512, "BLOCK", 0, "STREAMS", self._channel, last)
            for _, entries in await read:
                for _, fields in entries:
                    number, result = msgpack.unpackb(fields[1])
                    self._open.pop(number).set_result(result)
                last = entries[-1][0]
                self._replies.tell("XTRIM", self._channel, "MINID", _after(last))


def _after(entry_id: bytes) -> bytes:
    milliseconds, _, number = entry_id.partition(b"-")
    return b"%s-%d" % (milliseconds, int(number) + 1)


class Worker:
    """Runs each call in a task of its own, as whoever serves async methods has to."""

    def __init__(self, commands: Wire, reading: Wire, methods: dict[str, Method]) -> None:
        self._commands = commands
        self._reading = reading
        self._methods = methods
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: list[bytes] = []

    async def run(self) -> None:
        """Serve for ever."""
        await self._commands.ask("XGROUP", "CREATE", CALLS, GROUP, "0", "MKSTREAM")
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        while True:
            read = self._reading.ask(
                "XREADGROUP", "GROUP", GROUP, "worker", "COUNT", LARGEST_READ, "BLOCK", 0, "STREAMS", CALLS, ">"
            )
            for _, entries in await read:
                for entry_id, fields in entries:
                    task = loop.create_task(self._call(entry_id, fields[1]))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def _call(self, entry_id: bytes, entry: bytes) -> None:
        channel, number, name, args = msgpack.unpackb(entry)
        result = await self._methods[name](*args)
        if channel:
            self._commands.tell("XADD", channel, "*", "m", msgpack.packb((number, result)))
        if not self._done:
            asyncio.get_running_loop().call_soon(self._acknowledge)
        self._done.append(entry_id)

    def _acknowledge(self) -> None:
        done, self._done = self._done, []
        self._commands.tell("XACK", CALLS, GROUP, *done)
        self._commands.tell("XDEL", CALLS, *done)


async def add(a: int, b: int) -> int:
    """The echo call."""
    ran()
    return a + b


async def payload(text: str) -> str:
    """Give back what came."""
    ran()
    return text


async def work(url: str) -> None:
    """Serve the two methods for ever."""
    await Worker(await Wire.connect(url), await Wire.connect(url), {"add": add, "payload": payload}).run()


if __name__ == "__main__":
    import uvloop

    uvloop.run(work(sys.argv[1]))

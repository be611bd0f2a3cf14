"""One connection to Redis as an asyncio protocol: commands out, replies matched to futures in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from broker.link.replies import REPAIR, ReplyError

Argument = bytes | str | int | float


class Waiting:
    """One command on its way: packed, with the future of its reply."""

    __slots__ = ("future", "packed")

    def __init__(self, packed: bytes, future: asyncio.Future[Any]) -> None:
        self.packed = packed
        self.future = future

    def resolve(self, reply: Any) -> None:
        """Take the reply."""
        if not self.future.done():
            self.future.set_result(reply)

    def refuse(self, error: ReplyError) -> None:
        """Take the error that Redis answered with."""
        if not self.future.done():
            self.future.set_exception(error)


class Reading(Waiting):
    """A command whose reply *take* gets as it comes; the future gets what that returns or raises.

    Whoever awaits a future runs one turn of the event loop later: for calls and replies that is too late.
    """

    __slots__ = ("take",)

    def __init__(self, packed: bytes, future: asyncio.Future[Any], take: Callable[[Any], Any]) -> None:
        super().__init__(packed, future)
        self.take = take

    def resolve(self, reply: Any) -> None:
        """Hand the reply on, unless nobody waits any longer."""
        if self.future.done():
            return
        try:
            taken = self.take(reply)
        except Exception as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(taken)


pack_command = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)  # pyright: ignore[reportUnknownMemberType]
"""A command and its arguments in Redis's protocol."""


class Wire(asyncio.Protocol):
    """The bytes of one connection. It ends by calling `lost` once, whatever the reason.

    `on_push` gets what comes unasked, as messages of a channel do.
    `waiting` holds the commands without a reply, oldest first: after `lost` they are what the
    other side may or may not have executed. `why` is the reply that made it end, if one did.
    `made` and `heard` are when it began and when the last byte came.
    """

    def __init__(self, lost: Callable[[Exception | None], None]) -> None:
        self.waiting: deque[Waiting] = deque()
        self.on_push: Callable[[Any], None] | None = None
        self._time = asyncio.get_running_loop().time
        self.made = self.heard = self._time()
        self.why: str | None = None
        self._lost = lost
        self._reader = hiredis.Reader()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; called by the event loop."""
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end; called by the event loop."""
        self._transport = None
        self._lost(exc)

    @property
    def alive(self) -> bool:
        """Whether `lost` has not been called."""
        return self._transport is not None

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return self._time() - self.made

    def write(self, commands: list[Waiting]) -> None:
        """Put *commands* on the wire in one write."""
        self.waiting.extend(commands)
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join([command.packed for command in commands]))

    def close(self) -> None:
        """Drop the connection; `lost` is called soon after."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Resolve the futures of the replies in *data*; called by the event loop."""
        self.heard = self._time()
        reader = self._reader
        reader.feed(data)
        waiting = self.waiting
        try:
            while (reply := reader.gets()) is not False:
                if self.on_push is not None and _is_push(reply):
                    self.on_push(reply)
                    continue
                if not self._resolve(waiting[0], reply):
                    self.close()
                    return
                waiting.popleft()
        except (hiredis.ProtocolError, IndexError):
            # A stream that we cannot follow gives everybody the wrong answers: end it.
            self.why = "it does not speak Redis's protocol"
            self.close()

    def _resolve(self, command: Waiting, reply: Any) -> bool:
        if isinstance(reply, hiredis.ReplyError):
            error = ReplyError(str(reply))
            if error.code in REPAIR:
                self.why = error.message
                return False
            command.refuse(error)
        else:
            command.resolve(reply)
        return True


def _is_push(reply: Any) -> bool:
    """Whether *reply* answers no command: without RESP3 only its first element tells."""
    return isinstance(reply, list) and cast("list[Any]", reply)[:1] in ([b"message"], [b"smessage"])

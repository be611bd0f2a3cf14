"""Streams: reading one that another process produces, and producing one for another process."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Self, cast

from broker import failures
from broker.codec import encode
from broker.errors import RpcError, StreamBroken
from broker.http import BodyStream
from broker.outcomes import raised
from client.session.sending import LARGEST_PIECE
from client.session.threads import in_thread, start_in_thread

if TYPE_CHECKING:
    from client.session.consuming import Consuming
    from client.session.producing import Producing

_NOTHING: Final = object()


class RemoteStream(AsyncIterator[Any]):
    """A stream that another process produces; it can be read once.

    It runs ahead of its reader by a bounded number of chunks. Leaving it early, `aclose()` or dropping it stops the
    producer.

    Attributes:
        received: How many chunks were read.
    """

    def __init__(self, source: Consuming, number: int) -> None:
        self.received = 0
        self._source = source
        self._number = number
        self._waiting: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._failure: Exception | None = None
        self._convert: Callable[[int, Any], Any] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        """The next chunk. Safe to cancel: none is lost.

        Raises:
            StreamBroken: the producer is gone; `received` says how far it came.
            Exception: what the producer raised.
            RuntimeError: the stream belongs to another event loop.
        """
        self._source.check_loop()
        while not self._waiting:
            if self._ended:
                failure, self._failure = self._failure, None
                raise failure or StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        item = self._waiting.popleft()
        self._source.taken(self._number)
        self.received += 1
        return item if self._convert is None else self._converted(item)

    def __callyard_each__(self, convert: Callable[[int, Any], Any]) -> None:
        """Give each item as *convert* makes it of its number, from 1, and what it was; an error of it ends the stream.

        What was said before goes first.
        """
        first = self._convert
        self._convert = convert if first is None else lambda number, item: convert(number, first(number, item))

    def _converted(self, item: Any) -> Any:
        assert self._convert is not None
        try:
            return self._convert(self.received, item)
        except BaseException:
            self.dispose()
            raise

    async def read(self) -> bytes:
        """All that is left of a stream of bytes, in one piece.

        Raises: what reading a chunk raises.
        """
        return b"".join([chunk async for chunk in self])

    async def aclose(self) -> None:
        """Want no more. Twice is once."""
        self.dispose()

    def dispose(self) -> None:
        """Want no more; takes effect in the background. Twice is once."""
        if not self._ended:
            self._ended = True
            self._source.stop(self._number)
        self._waiting.clear()
        self._arrived.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.dispose()

    def __del__(self) -> None:
        if not self._ended:
            self._ended = True
            self._source.stop(self._number)

    def arrive(self, item: Any) -> None:
        """Take in a chunk."""
        self._waiting.append(item)
        self._arrived.set()

    def end(self, failure: Exception | None) -> None:
        """Take in the end."""
        if not self._ended:
            self._ended = True
            self._failure = failure
            self._arrived.set()

    def break_off(self, reason: str) -> None:
        """Its producer is gone: what came can still be read."""
        received = self.received + len(self._waiting)
        message = f"The stream broke off after {received} chunks: {reason}"
        self.end(StreamBroken(message, received=received, executed="yes"))


class Production:
    """Sends what *source* yields as the stream of that number, as fast as its reader takes it."""

    def __init__(self, way: Producing, number: int, source: Any) -> None:
        self._way = way
        self._number = number
        self._given = source
        self._source: Any = None
        """What is read, once nobody else reads it any more."""
        self._iterator: Any = None
        self._credited = asyncio.Event()
        self._pulling: asyncio.Future[Any] | None = None
        """The thread that a plain generator runs in, if it does."""
        self._started = False
        self._stopped = False

    def credit(self) -> None:
        """Go on: its reader has taken something."""
        self._credited.set()

    def stop(self, task: asyncio.Task[None]) -> None:
        """Have *task*, which runs it, close the source and send nothing more."""
        self._stopped = True
        if self._started:
            task.cancel()
        # Cancelled before its first step it would never take it, and leave the source open.

    async def run(self) -> None:
        """Produce to the end."""
        self._started = True
        failure: bytes | None = None
        try:
            self._begin()
            await self._send_all()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            # Nobody cancelled this: the source waited for something that was.
            failure = encode(failures.dump(error))
        except BaseException as error:  # asyncio lets some of them stop the loop, and with it all that runs there
            failure = _described(error)
        finally:
            await self._close()
        if not self._stopped:
            self._way.finish(self._number, failure)

    def _begin(self) -> None:
        given, self._given = self._given, None
        self._source = given.hand_on() if isinstance(given, BodyStream) else given
        if not inspect.isgenerator(self._source):
            self._iterator = aiter(self._source)

    async def _send_all(self) -> None:
        while await self._may_send():
            item = await self._next()
            if item is _NOTHING:
                return
            for piece in _pieces(item):
                if not await self._may_send():
                    return
                self._way.send(self._number, piece)

    async def _may_send(self) -> bool:
        """Wait until there is room; whether anybody still reads."""
        while (open_ := self._way.may_send(self._number)) is False and not self._stopped:
            self._credited.clear()
            await self._credited.wait()
        return open_ is not None and not self._stopped

    async def _next(self) -> Any:
        if inspect.isgenerator(self._source):
            self._pulling = start_in_thread(None, next, (self._source, _NOTHING), {})
            return await asyncio.shield(self._pulling)
        return await anext(self._iterator, _NOTHING)

    async def _close(self) -> None:
        if inspect.isgenerator(self._source):
            if self._pulling is not None:
                # No generator can be closed while it runs, and no thread can be stopped.
                await asyncio.wait([self._pulling])
                _ = self._pulling.cancelled() or self._pulling.exception()
            await in_thread(None, self._source.close, (), {})
            return
        for part in (self._iterator, self._source):
            if hasattr(cast("type[Any]", type(part)), "aclose"):
                await part.aclose()


def _is_cancelled() -> bool:
    """Whether somebody cancels the task that asks. No frame of it may hold it: its source would be kept with it."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _pieces(item: Any) -> list[Any]:
    if type(item) not in (bytes, bytearray, memoryview) or len(item) <= LARGEST_PIECE:
        return [item]
    whole = bytes(item)
    return [whole[at : at + LARGEST_PIECE] for at in range(0, len(whole), LARGEST_PIECE)]


def _described(error: BaseException) -> bytes:
    if isinstance(error, RpcError) and not error.remote:
        return encode(["", *failures.dump_refusal(error)])
    return raised(error).body


def failure_in(decoded: Any) -> Exception:
    """The exception with which a stream ended.

    Raises:
        ProtocolError: *decoded* describes none.
    """
    wire = cast("list[Any]", decoded) if isinstance(decoded, list) else []
    return failures.load_refusal(wire[1:]) if wire[:1] == [""] else failures.load(wire)

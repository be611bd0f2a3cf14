"""A body that comes piece by piece."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any, Final, cast

import anyio

MOST_BEHIND: Final = 1 << 20
"""Bytes that one reader of a cloned body may be behind the other."""


class BodyStream:
    """A body as an async iterable of bytes, which can be iterated once.

    Attributes:
        source: The iterable that it was made from.
        used: Whether somebody has begun to read it, or closed it.
    """

    __slots__ = ("_iterator", "_reading", "source", "used")

    def __init__(self, source: AsyncIterable[bytes]) -> None:
        self.source: Final = source
        self.used = False
        self._iterator: AsyncIterator[bytes] | None = None
        self._reading: AsyncGenerator[bytes] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks, none of them empty.

        Raises:
            OSError: It was read before.
            TypeError: While reading: the source gave something other than bytes.
        """
        if self.used:
            raise OSError("Body already used")
        self.used = True
        self._iterator = aiter(self.source)
        self._reading = _chunks(self._iterator)
        return self._reading

    def hand_on(self) -> BodyStream:
        """The same body for another owner; this one is used from here on.

        Raises:
            OSError: It was read before.
        """
        if self.used:
            raise OSError("Body already used")
        self.used = True
        return BodyStream(self.source)

    async def aclose(self) -> None:
        """Give up what has not been read, so that its source can let go of what it holds. Twice is once.

        Raises:
            RuntimeError: Somebody else is reading it at this moment.
        """
        self.used = True
        reading, iterator = self._reading, self._iterator
        self._reading = self._iterator = None
        await _close(reading)
        await _close(iterator)
        if iterator is not self.source:
            await _close(self.source)

    def __repr__(self) -> str:
        return f"<body that is read piece by piece{', used' if self.used else ''}>"


class Slices(AsyncIterator[bytes]):
    """Bytes that are there already, piece by piece."""

    def __init__(self, content: bytes, size: int) -> None:
        """Give *content* in pieces of *size* bytes."""
        self._left = memoryview(content)
        self._size = size

    async def __anext__(self) -> bytes:
        piece, self._left = bytes(self._left[: self._size]), self._left[self._size :]
        if not piece:
            raise StopAsyncIteration
        return piece


async def _close(part: object) -> None:
    # Of the class: whatever is asked of a promise is a member of the result to come.
    if hasattr(type(part), "aclose"):
        await cast("AsyncGenerator[bytes]", part).aclose()


async def _chunks(source: AsyncIterator[Any]) -> AsyncGenerator[bytes]:
    async for chunk in source:
        if not isinstance(chunk, bytes | bytearray | memoryview):
            raise TypeError(f"A streaming body consists of bytes, not {type(chunk).__name__}.")
        if len(cast("bytes", chunk)):
            yield bytes(cast("bytes", chunk))


def tee(stream: BodyStream) -> tuple[BodyStream, BodyStream]:
    """Two bodies with what is in *stream*, which is used from here on.

    A chunk is kept until both have read it. A reader that falls more than `MOST_BEHIND` bytes behind gets an
    `OSError`, so that memory stays bounded; the other one goes on.

    Raises:
        OSError: *stream* was read before.
    """
    split = _Tee(stream)
    return BodyStream(split.branch(0)), BodyStream(split.branch(1))


class _Tee:
    """What two readers of one source share."""

    def __init__(self, stream: BodyStream) -> None:
        self._stream = stream
        self._source = aiter(stream)
        self._pulling = anyio.Lock()
        self._waiting: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self._bytes = [0, 0]
        self._open = [True, True]
        self._lost = [False, False]
        self._ended = False
        self._error: BaseException | None = None

    async def branch(self, me: int) -> AsyncGenerator[bytes]:
        waiting = self._waiting[me]
        try:
            while True:
                if self._lost[me]:
                    raise OSError(f"This clone of a body fell more than {MOST_BEHIND} bytes behind the other.")
                if waiting:
                    chunk = waiting.popleft()
                    self._bytes[me] -= len(chunk)
                    yield chunk
                elif self._error is not None:
                    raise self._error
                elif self._ended:
                    return
                else:
                    await self._pull(waiting)
        finally:
            await self._leave(me)

    async def _pull(self, waiting: deque[bytes]) -> None:
        async with self._pulling:
            if waiting or self._ended:
                return  # the other one was here meanwhile
            try:
                chunk = await anext(self._source)
            except StopAsyncIteration:
                self._ended = True
            except Exception as error:
                self._ended, self._error = True, error
                raise
            except BaseException:
                # The cancelled source is at its end, and the other reader must not take that for the end of the body.
                self._ended, self._error = True, OSError("The body broke off: its other reader was cancelled.")
                raise
            else:
                self._share(chunk)

    def _share(self, chunk: bytes) -> None:
        for reader, waiting in enumerate(self._waiting):
            if waiting and self._bytes[reader] + len(chunk) > MOST_BEHIND:
                self._lost[reader] = True
            if self._lost[reader] or not self._open[reader]:
                waiting.clear()
            else:
                waiting.append(chunk)
                self._bytes[reader] += len(chunk)

    async def _leave(self, me: int) -> None:
        self._open[me] = False
        self._waiting[me].clear()
        if not any(self._open):
            await self._stream.aclose()

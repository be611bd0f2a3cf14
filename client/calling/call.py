"""A call under way: an awaitable for its result, and a promise on which further calls can be made at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from types import TracebackType
from typing import Any, Final, Protocol, cast

from broker.envelope import CALL, GET, MAP, Step
from broker.errors import MethodNotFound, RpcError
from broker.references import NotYet
from client.calling.member import PromisedMember
from client.calling.program import Program, failed

LONGEST_NAME: Final = 128
"""Characters of one name at most."""


class Owner(Protocol):
    """Who makes calls: the caller of this process for services, a session for objects."""

    @property
    def limit(self) -> int:
        """Bytes of a message."""
        ...

    def cancel(self, call: Any) -> None:
        """Give up a call."""
        ...

    def identify(self, call: Any) -> str:
        """Its call ID."""
        ...

    def grow(self, call: Any, handle: object) -> Program | None:
        """The program of a call that has not left yet; None once it has."""
        ...

    def encode_step(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """The arguments of a further step of a call that has not left yet."""
        ...


class Call:
    """A call under way.

    Awaiting it gives the result or raises; cancelling the wait cancels the call. Its other attributes are members of
    the result to come: calling one costs no round trip of its own while the call has not left, which it does at the end
    of this tick of the event loop. `async for` iterates over a result that is a stream, `async with` disposes it.
    """

    __slots__ = ("__weakref__", "_future", "_owner", "_rebuild", "_record", "_step")

    def __init__(self, owner: Owner, record: Any, future: asyncio.Future[Any], step: int = 1) -> None:
        self._owner = owner
        self._record = record
        self._future = future
        self._step = step
        self._rebuild: Callable[[Any], Any] | None = None

    @property
    def call_id(self) -> str:
        """The call ID, the same as `ctx.call_id` at the callee."""
        return self._owner.identify(self._record)

    def cancel(self) -> None:
        """Give the call up: it is not started if it is still queued, and cancelled if it runs."""
        self._future.cancel()
        self._owner.cancel(self._record)

    def dispose(self) -> None:
        """Give up what the result refers to, or the call itself if it has none yet. Twice is once."""
        if not self._future.done():
            self.cancel()
        elif not self._future.cancelled() and self._future.exception() is None:
            dispose = getattr(self._future.result(), "dispose", None)
            if callable(dispose):
                dispose()

    def map(self, function: Callable[[Any], Any]) -> Call:
        """What *function* makes of each item of the result, made where the result is.

        *function* is run once, here and now, with a placeholder; the calls it makes on it are recorded. A result that
        is no list is treated as one item, None as none.
        """
        from client.session.promises import record

        return self.__callyard_start__(MAP, (), record(function), {})

    def __getattr__(self, name: str) -> PromisedMember:
        if name.startswith("__") and name.endswith("__"):
            # Python's own protocols must see that we do not implement them.
            raise AttributeError(name)
        return PromisedMember(self, (name,))

    def __call__(self, *args: Any, **kwargs: Any) -> Call:
        """Call the result, which has to be a function."""
        return self.__callyard_start__(CALL, (), args, kwargs)

    def __callyard_start__(
        self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        return extended(self, self._step, kind, path, args, kwargs) or self._later(kind, path, args, kwargs)

    def _later(self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        from client.session.later import after

        return after(self, kind, path, args, kwargs)

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            value = yield from self._future.__await__()
            return value if self._rebuild is None else self._rebuild(value)
        except asyncio.CancelledError:
            self._owner.cancel(self._record)
            raise
        except BaseException as error:
            # Awaited twice, one exception object would collect the frames of both.
            raise error.with_traceback(None) from error.__cause__

    async def __aiter__(self) -> AsyncIterator[Any]:
        result = await self
        if not hasattr(result, "__aiter__"):
            raise TypeError(f"{self!r} gave {type(result).__name__}, which is no stream.")
        try:
            async for item in result:
                yield item
        finally:
            await result.aclose()

    async def __aenter__(self) -> Any:
        return await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.dispose()

    def __repr__(self) -> str:
        state = "done" if self._future.done() else "open"
        return f"<call {self._record.name} {self.call_id} {state}>"


def rebuilding(call: Call, rebuild: Callable[[Any], Any]) -> Call:
    """*call*, awaiting which gives what *rebuild* makes of its result."""
    object.__setattr__(call, "_rebuild", rebuild)
    return call


def extended(
    call: Call, receiver: int, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call | None:
    """One more step in the program of *call*, on the value of step *receiver* (0: on what the program is sent to).

    None where the program takes no more, or the arguments have to be waited for.
    """
    owner, record, _, _ = parts(call)
    program = owner.grow(record, call)
    if program is None:
        return None
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    added = Call(owner, record, future, len(program.steps) + 1)
    try:
        check_path(path)
        body = b"" if kind == GET else owner.encode_step(record, args, kwargs)
        program.add(Step(receiver, kind, path, body), future, added, owner.limit)
    except RpcError as error:
        return Call(owner, record, failed(error, loop))
    except NotYet:
        return None
    return added


def check_path(path: tuple[str, ...]) -> None:
    """Check the names of *path*.

    Raises:
        MethodNotFound: one cannot be a name.
    """
    if path and not path[-1].isidentifier():
        raise MethodNotFound(f"{path[-1]!a:.80} cannot be the name of a method.")
    for name in path:
        if len(name) > LONGEST_NAME or not (name.isascii() or name.isprintable()):
            raise MethodNotFound(f"{name!a:.80} cannot be the name of a member.")


def parts(call: Call) -> tuple[Owner, Any, asyncio.Future[Any], int]:
    """Owner, record, future and step of *call*."""
    get = object.__getattribute__
    return cast("Owner", get(call, "_owner")), get(call, "_record"), get(call, "_future"), get(call, "_step")

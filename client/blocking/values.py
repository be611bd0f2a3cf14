"""References in values, for code without an event loop: what blocking calls get and what they are given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Self, cast

import anyio.to_thread
from anyio.from_thread import BlockingPortal

from broker.http import BodyStream, Request, Response
from broker.http.body import collect
from client.blocking.forks import check_process, is_forked
from client.stubs.stub import Stub

if TYPE_CHECKING:
    from client.session.streams import RemoteStream

Face = Callable[[BlockingPortal, Stub], Any]
"""Makes the blocking stub of a stub."""


class BlockingStream(Iterator[Any]):
    """A stream that another process produces, to be read once with `for`. Leaving a `with` block stops its producer.

    Attributes:
        received: How many chunks were read.
    """

    def __init__(self, portal: BlockingPortal, stream: RemoteStream, face: Face) -> None:
        self._portal = portal
        self._stream = stream
        self._face = face

    @property
    def received(self) -> int:
        """How many chunks were read."""
        return self._stream.received

    def __next__(self) -> Any:
        """The next chunk.

        Raises:
            StreamBroken: the producer is gone.
            RuntimeError: this process was forked since it came.
            Exception: what the producer raised.
        """
        check_process(self._portal)
        try:
            item = self._portal.call(anext, self._stream)
        except StopAsyncIteration:
            raise StopIteration from None
        return blocking(self._portal, item, self._face)

    def close(self) -> None:
        """Want no more. Twice is once."""
        if not is_forked(self._portal):
            self._portal.call(self._stream.aclose)

    dispose = close

    def __callyard_inner__(self) -> RemoteStream:
        return self._stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def blocking(portal: BlockingPortal, value: Any, face: Face) -> Any:
    """*value* with a blocking stub or stream in place of each that needs an event loop."""
    if isinstance(value, Stub):
        return face(portal, value)
    if type(value) in (str, int, float, bool, bytes, type(None)):
        return value
    if isinstance(value, Request | Response):
        if isinstance(value.body, BodyStream):
            # Only the event loop could read what is still to come.
            portal.call(collect, value)
        return value
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return _whole(portal, value, {key: blocking(portal, item, face) for key, item in items}, face)
    if isinstance(value, list):
        return _whole(portal, value, [blocking(portal, item, face) for item in cast("list[Any]", value)], face)
    if isinstance(value, tuple):
        return tuple([blocking(portal, item, face) for item in cast("tuple[Any, ...]", value)])
    if hasattr(value, "__anext__"):
        return BlockingStream(portal, value, face)
    _in_fields(portal, value, face)
    return value


def _in_fields(portal: BlockingPortal, value: Any, face: Face) -> None:
    """Put blocking stubs and streams into a dataclass or model, which a result was rebuilt into."""
    kind = cast("type[Any]", type(value))
    fields: Mapping[str, object] = getattr(kind, "__dataclass_fields__", None) or getattr(
        kind, "__pydantic_fields__", {}
    )
    for name in fields:
        item = getattr(value, name, None)
        if _holds_reference(item):
            # It was made just now, for nobody else; one that is frozen is so only afterwards.
            object.__setattr__(value, name, blocking(portal, item, face))


def _holds_reference(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_reference, cast("dict[Any, Any]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_reference, cast("list[Any]", value)))
    kind = cast("type[Any]", type(value))
    known = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__pydantic_fields__")
    return known or isinstance(value, Stub) or hasattr(value, "__anext__")


def _whole(portal: BlockingPortal, value: Any, items: Any, face: Face) -> Any:
    if not hasattr(value, "stubs"):
        return items
    from client.stubs.object_stub import whole_result

    stubs: list[Any] = value.stubs
    return whole_result(items, [blocking(portal, stub, face) for stub in stubs])


def awaited(value: Any) -> Any:
    """*value*, an argument, as the event loop takes it: without blocking stubs, and with plain functions in threads."""
    kind = cast("type[Any]", type(value))
    inner: Callable[[Any], Any] | None = getattr(kind, "__callyard_inner__", None)
    if inner is not None:
        return inner(value)
    if type(value) is dict:
        return {key: awaited(item) for key, item in cast("dict[Any, Any]", value).items()}
    if type(value) is list:
        return [awaited(item) for item in cast("list[Any]", value)]
    if type(value) is tuple:
        return tuple([awaited(item) for item in cast("tuple[Any, ...]", value)])
    return _in_thread(value) if inspect.isroutine(value) and not inspect.iscoroutinefunction(value) else value


def _in_thread(function: Callable[..., Any]) -> Callable[..., Any]:
    # It may make blocking calls itself, and those wait for the loop that would have to run it.
    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await anyio.to_thread.run_sync(lambda: function(*args, **kwargs))

    return call

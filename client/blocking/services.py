"""The same stubs without await, for scripts, Django and Flask: a thin face over a thread with an event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

from anyio.from_thread import BlockingPortal, start_blocking_portal

from broker.errors import StubDisposed
from broker.http import Request, Response
from broker.http.body import collect
from broker.registry import Offer
from client.blocking.forks import check_process, is_forked, own
from client.blocking.values import awaited, blocking
from client.services import Services, connect
from client.stubs import stub as asynchronous
from client.stubs.object_stub import RpcStub
from client.stubs.typed import rebuilder_of

_Like = TypeVar("_Like")


class BlockingServices:
    """All services, for code without an event loop; usable from any number of threads at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None

    @overload
    def service(
        self, name: str, entrypoint: str | None = None, *, props: Mapping[str, Any] | None = None, like: None = None
    ) -> BlockingStub: ...
    @overload
    def service(
        self,
        name: str,
        entrypoint: str | None = None,
        *,
        props: Mapping[str, Any] | None = None,
        like: Callable[..., _Like],
    ) -> _Like: ...
    def service(
        self, name: str, entrypoint: str | None = None, *, props: Mapping[str, Any] | None = None, like: Any = None
    ) -> Any:
        """A stub of *entrypoint* (`Default`) of the service *name*; see `Services.service`.

        What *like* declares as a property is read when it is named, without `read()`.
        """
        return BlockingStub(self._open_portal(), self._services.service(name, entrypoint, props=props, like=like))

    def __getattr__(self, name: str) -> BlockingStub:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.service(name)

    def result(self, call_id: str, *, timeout: float = 60.0) -> Any:
        """The kept outcome of a call; see `Services.result`."""
        return _run(self._open_portal(), self._services.result, call_id, timeout=timeout)

    def submit(self, member: Any, *args: Any, keep_result: float | None = None, **kwargs: Any) -> str:
        """Call *member*, a method of a stub, one-way: `services.submit(services.b.add, 1, 2)`; see `submit`."""
        portal = self._open_portal()
        inner = blocking_parts(member)[1] if isinstance(member, BlockingMember) else member
        return _run(portal, asynchronous.submit, inner, *awaited(args), keep_result=keep_result, **awaited(kwargs))

    def describe(self, name: str) -> dict[str, Offer]:
        """What the live workers of a service offer; see `Services.describe`."""
        return _run(self._open_portal(), self._services.describe, name)

    def __enter__(self) -> Self:
        portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        opened: AbstractContextManager[Services] = portal.wrap_async_context_manager(self._services)
        try:
            self._stack.enter_context(opened)
        except BaseException:
            self._stack.close()
            raise
        own(portal)
        self._portal = portal
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        portal, self._portal = self._portal, None
        if portal is not None and is_forked(portal):
            # There is nothing to close here: all of it belongs to the parent.
            self._stack = ExitStack()
        self._stack.close()

    def _open_portal(self) -> BlockingPortal:
        if self._portal is None:
            raise RuntimeError("Use the services inside `with connect_blocking(...) as services:`.")
        return self._portal


class BlockingStub:
    """An entrypoint of a service; its methods return results."""

    __slots__ = ("_portal", "_stub")

    def __init__(self, portal: BlockingPortal, stub: asynchronous.Stub) -> None:
        self._portal = portal
        self._stub = stub

    def __getattr__(self, name: str) -> BlockingMember:
        member = BlockingMember(self._portal, getattr(self._stub, name))
        rebuilder = rebuilder_of(self._stub)
        if rebuilder is not None and rebuilder.is_property(name):
            # Its type is that of the class that was given as `like=`.
            return cast("BlockingMember", read(member))
        return member

    def fetch(self, resource: Request | str, **init: Any) -> Response:
        """Call the entrypoint's `fetch`; see `Stub.fetch`. The response is returned when all of its body is here."""
        return _run(self._portal, self._stub.fetch, resource, **init)

    def dup(self) -> BlockingStub:
        """Another handle to the same entrypoint."""
        return BlockingStub(self._portal, self._stub.dup())

    def dispose(self) -> None:
        """Give the stub up. Twice is once."""
        self._stub.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.dispose()

    def __callyard_options__(self, given: dict[str, Any]) -> BlockingStub:
        return type(self)(self._portal, asynchronous.options(self._stub, **given))

    def __callyard_inner__(self) -> asynchronous.Stub:
        return self._stub

    def __repr__(self) -> str:
        return f"<blocking {self._stub!r}>"


class BlockingObject(BlockingStub):
    """An object of another process; a function can be called itself. Several threads may use it at once."""

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function behind it and wait for its result."""
        return _call(self._portal, self._stub, args, kwargs)

    def dup(self) -> BlockingObject:
        """Another handle to the same object; the object is released when all of them are disposed."""

        async def duplicate() -> asynchronous.Stub:
            return self._stub.dup()

        return BlockingObject(self._portal, _run(self._portal, duplicate))


class BlockingMember:
    """A member of a blocking stub: call it as a method, or `read()` it as a property."""

    __slots__ = ("_member", "_portal")
    __callyard_blocking__ = True

    def __init__(self, portal: BlockingPortal, member: asynchronous.Member) -> None:
        self._portal = portal
        self._member = member

    def __getattr__(self, name: str) -> BlockingMember:
        return BlockingMember(self._portal, getattr(self._member, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make the call and wait for its result."""
        return _call(self._portal, self._member, args, kwargs)

    def __callyard_options__(self, given: dict[str, Any]) -> BlockingMember:
        return BlockingMember(self._portal, asynchronous.options(self._member, **given))

    def __repr__(self) -> str:
        return f"<blocking {self._member!r}>"


def connect_blocking(
    url: str | None = None,
    *,
    prefix: str | None = None,
    max_message_bytes: int | None = None,
    connect_timeout: float = 10.0,
) -> BlockingServices:
    """All services, for code without an event loop; use it in a `with` statement.

    Arguments and errors are those of `connect`.
    """
    return BlockingServices(
        connect(url, prefix=prefix, max_message_bytes=max_message_bytes, connect_timeout=connect_timeout)
    )


def read(member: BlockingMember) -> Any:
    """The value of a remote property: `read(services.svc.prop)`.

    Raises:
        TypeError: *member* is not a member of a blocking stub.
    """
    if not isinstance(member, BlockingMember):  # pyright: ignore[reportUnnecessaryIsInstance] -- users may
        raise TypeError(f"read() takes a member of a blocking stub, not {type(member).__name__}; await it instead.")
    portal, inner = blocking_parts(member)

    async def get() -> Any:
        return await inner

    return blocking(portal, _run(portal, get), blocking_stub)


def blocking_parts(member: BlockingMember) -> tuple[BlockingPortal, asynchronous.Member]:
    """The thread that *member* runs in, and the member that it stands for."""
    return object.__getattribute__(member, "_portal"), object.__getattribute__(member, "_member")


def blocking_stub(portal: BlockingPortal, stub: asynchronous.Stub) -> BlockingStub:
    """The blocking face of *stub*."""
    return (BlockingObject if isinstance(stub, RpcStub) else BlockingStub)(portal, stub)


def _call(portal: BlockingPortal, called: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    result = _run(portal, called, *awaited(args), **awaited(kwargs))
    return blocking(portal, result, blocking_stub)


def _run(portal: BlockingPortal, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
    async def wait() -> Any:
        value = await function(*args, **kwargs)
        if isinstance(value, Request | Response):
            # Only the event loop could read what is still to come.
            await collect(value)
        return value

    check_process(portal)
    try:
        return portal.call(wait)
    except RuntimeError as error:
        if "portal is not running" in str(error):
            raise StubDisposed("The stub's connection is closed.") from error
        raise

"""Stubs: objects whose methods run elsewhere.

A stub of a service has no methods of its own but `fetch`, `connect`, `dup` and `dispose`; every
other attribute is a member of the remote entrypoint, so options are given by functions.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from broker.codec import encode, encode_plain
from broker.envelope import CALL, FETCH, GET, Step
from broker.errors import RpcError, StubDisposed
from broker.http import Request, Response
from broker.names import check_entrypoint, check_service
from client.calling.arguments import encode_arguments
from client.calling.call import Call, check_path, rebuilding
from client.calling.caller import Caller
from client.calling.deadline import DEFAULT_TIMEOUT, earliest, enclosing_deadline, scope_deadline
from client.calling.member import Member, split
from client.calling.open_call import OpenCall
from client.fetching.redirects import follow
from client.stubs.call_options import Options

_Handle = TypeVar("_Handle")

_DEFAULTS: Final = Options()
_HEAD: Final = 1024
"""Bytes of a call beside its arguments and props, at most but for odd names."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a stub stands for: an entrypoint, the props it is called with, and how."""

    caller: Caller
    service: str
    entrypoint: str
    props: bytes | None = None
    options: Options = _DEFAULTS
    rebuild: Callable[[tuple[str, ...], Any], Any] | None = None
    """Makes of the result of a member, named by its path, one of the types of `like=`; see `client.stubs.typed`."""
    wire: dict[str, Any] = field(init=False, compare=False)
    """What of the options travels with every call; usually nothing."""
    room: int = field(init=False, compare=False)
    """Bytes of arguments that certainly fit into a message with its head."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", _wire_options(self.props, self.options))
        object.__setattr__(self, "room", self.caller.limit - _HEAD - len(self.props or b""))


class Stub:
    """An entrypoint of a service. Calls on it are independent; each gets a new instance there."""

    __slots__ = ("__weakref__", "_disposed", "_target")

    def __init__(self, target: Any) -> None:
        self._target = target
        self._disposed = False

    def __getattr__(self, name: str) -> Member:
        if name.startswith("__") and name.endswith("__"):
            # Python's own protocols must see that we do not implement them.
            raise AttributeError(name)
        return Member(self, (name,))

    async def fetch(self, resource: Request | str, **init: Any) -> Response:
        """Call the entrypoint's `fetch` with a request, whose body is used then; the host in its URL means nothing.

        Redirects are followed through the same stub, unless `redirect="manual"` or `"error"`.

        Raises:
            TypeError: a redirect cannot be followed.
            Exception: what any other call raises.
        """
        request = resource if isinstance(resource, Request) and not init else Request(resource, **init)
        began = asyncio.get_running_loop().time()

        async def send(request: Request, hops: int) -> Response:
            stub = _onward(self, began) if hops else self
            return await stub.__callyard_start__(FETCH, ("fetch",), (request,), {})

        return await follow(send, request)

    def dup(self) -> Stub:
        """Another handle to the same entrypoint; each is disposed on its own."""
        return Stub(live_target(self))

    def dispose(self) -> None:
        """Give the stub up: calls made through it afterwards raise `StubDisposed`. Twice is once."""
        self._disposed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.dispose()

    def __callyard_start__(
        self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Call:
        call = start(self, kind, path, args, kwargs)
        rebuild = self._target.rebuild
        return call if rebuild is None else rebuilding(call, partial(rebuild, path))

    def __callyard_options__(self, given: dict[str, Any]) -> Stub:
        target: Target = live_target(self)
        return Stub(replace(target, options=changed(target.options, given)))

    def __repr__(self) -> str:
        return f"<stub of {self._target.service}#{self._target.entrypoint}>"


def start(stub: Stub, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Start one call on *stub*. Errors of the arguments are the outcome of the call, not raised here.

    Raises:
        StubDisposed: the stub was given up.
        RuntimeError: it belongs to another event loop.
    """
    target: Target = live_target(stub)
    caller = target.caller
    loop = asyncio.get_running_loop()
    if loop is not caller.loop:
        caller.check_loop()
    deadline = earliest(loop.time(), target.options.timeout, scope_deadline(), enclosing_deadline.get())
    producer = caller.producer(target.service, target.entrypoint)
    try:
        check_path(path)
        body = b"" if kind == GET else encode_plain([list(args), kwargs], limit=target.room)
        if body is None:
            from client.session.joining import start_live

            return start_live(stub, target, kind, path, args, kwargs, deadline)
    except RpcError as error:
        return _refused(caller, OpenCall(0, b"", producer, path, deadline, loop.create_future(), oneway=False), error)
    record = caller.call(producer, (Step(0, kind, path, body),), deadline, target.wire, loop)
    return Call(caller, record, record.future)


def _refused(caller: Caller, record: OpenCall, error: RpcError) -> Call:
    record.future.set_exception(error)
    return Call(caller, record, record.future)


def _onward(stub: Stub, began: float) -> Stub:
    """*stub* for a redirect: with what is left of the timeout, and without the key of another request."""
    target = live_target(stub)
    timeout = DEFAULT_TIMEOUT if target.options.timeout is None else target.options.timeout
    left = began + timeout - asyncio.get_running_loop().time()
    return Stub(replace(target, options=replace(target.options, timeout=left, idempotency_key=None)))


def _wire_options(props: bytes | None, options: Options) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if props is not None:
        wire["props"] = props
    if options.retries is not None:
        wire["retries"] = options.retries
    if options.keep_result is not None:
        wire["keep"] = max(1, int(options.keep_result * 1000))
    if options.idempotency_key is not None:
        wire["key"] = options.idempotency_key
    return wire


def live_target(stub: Stub) -> Any:
    """What *stub* stands for: a `Target`, or that of an object.

    Raises:
        StubDisposed: it was given up.
    """
    if object.__getattribute__(stub, "_disposed"):
        raise StubDisposed("RPC stub used after being disposed.")
    return object.__getattribute__(stub, "_target")


def bind(caller: Caller, service: str, entrypoint: str | None = None, props: Mapping[str, Any] | None = None) -> Stub:
    """A stub of *entrypoint* of *service*; *props* become `ctx.props` there.

    Raises:
        InvalidName: a name could not be one.
        DataCloneError: *props* cannot cross.
    """
    packed = encode(dict(props), limit=caller.limit, references=caller.bindings) if props else None
    return Stub(Target(caller, check_service(service), check_entrypoint(entrypoint), packed))


def changed(options: Options, given: Mapping[str, Any]) -> Options:
    """*options* with what was *given* in place of what they were."""
    return replace(options, **{name: value for name, value in given.items() if value is not None})


def options(
    stub: _Handle,
    *,
    timeout: float | None = None,
    idempotency_key: str | None = None,
    retries: int | None = None,
    keep_result: float | None = None,
) -> _Handle:
    """Another stub (or member) for the same thing, whose calls are made with these options.

    *timeout* and *keep_result* are in seconds; *retries* 0 means at most once. What is not given
    stays as it was. Calls on objects take a *timeout* only: they are never sent twice.

    Raises:
        TypeError: *stub* is neither a stub nor a member of one, or an option has the wrong type.
        ValueError: an option makes no sense; the message names it.
    """
    given: dict[str, Any] = {
        "timeout": timeout,
        "idempotency_key": idempotency_key,
        "retries": retries,
        "keep_result": keep_result,
    }
    if isinstance(stub, Member):
        inner, path = split(stub)
        return cast("_Handle", Member(options(inner, **given), path))
    rebuild = getattr(type(stub), "__callyard_options__", None)
    if rebuild is None:
        raise TypeError(f"options() takes a stub or a member of one, not {type(stub).__name__}.")
    return cast("_Handle", rebuild(stub, given))


def on_broken(stub: Any, callback: Callable[[RpcError], object]) -> None:
    """Call *callback* with the error when the object behind *stub* is gone before its time.

    A stub of a service is never broken: its calls wait for a worker.

    Raises:
        TypeError: *stub* is no stub.
        StubDisposed: it was given up.
    """
    if not isinstance(stub, Stub):
        raise TypeError(f"on_broken() takes a stub, not {type(stub).__name__}.")
    target = live_target(stub)
    if not isinstance(target, Target):
        target.on_broken(callback)


def submit(member: Any, *args: Any, keep_result: float | None = None, **kwargs: Any) -> Coroutine[Any, Any, str]:
    """Call *member* one-way and return the call ID once Redis holds the call.

    The call survives its caller. *keep_result* seconds long `Services.result` gives the outcome
    to any process. If cancelled, the call may or may not have been made. Of `connect_blocking` it is
    a method of the services: `services.submit(services.b.add, 1, 2)`.

    Raises:
        TypeError: *member* is not a method of a stub of a service; raised before anything has to be awaited.
        ValueError: *keep_result* makes no sense.
        ServiceUnavailable, Overloaded: the call was not taken.
        BrokerUnavailable: Redis did not confirm in time; the message says whether the call may run.
    """
    if not isinstance(member, Member):
        blocking = hasattr(cast("type[Any]", type(member)), "__callyard_blocking__")
        instead = "; write services.submit(…), which waits for Redis" if blocking else ""
        raise TypeError(
            f"submit() takes a method of a stub, as in submit(env.B.add, 1, 2), not {member!r:.80}{instead}."
        )
    return _submit(member, args, kwargs, keep_result)


async def _submit(member: Member, args: tuple[Any, ...], kwargs: dict[str, Any], keep_result: float | None) -> str:
    stub, path = split(member)
    if not isinstance(stub, Stub) or not isinstance(live_target(stub), Target):
        raise TypeError("submit() takes a method of a service: calls on objects and on promises are never kept.")
    target: Target = live_target(stub if keep_result is None else options(stub, keep_result=keep_result))
    caller = target.caller
    caller.check_loop()
    body = encode_arguments(args, kwargs, caller.limit, caller.bindings)
    loop = asyncio.get_running_loop()
    # A one-way call outlives whoever makes it, so neither scope nor enclosing call bounds it.
    deadline = earliest(loop.time(), target.options.timeout, math.inf, math.inf)
    producer = caller.producer(target.service, target.entrypoint)
    wire = {**target.wire, "oneway": True}
    record = caller.call(producer, (Step(0, CALL, path, body),), deadline, wire, loop)
    return await Call(caller, record, record.future)

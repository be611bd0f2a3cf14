"""Stubs: objects whose methods run elsewhere.

A stub of a service has no methods of its own but `fetch`, `connect`, `dup` and `dispose`; every
other attribute is a member of the remote entrypoint, so options are given by functions.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import anyio

from broker.codec import encode
from broker.envelope import CALL, FETCH, GET, Step
from broker.errors import MethodNotFound, RpcError, StubDisposed
from broker.http import Request, Response
from broker.names import call_id, check_entrypoint, check_service
from client.call_options import Options
from client.caller import Caller, encode_arguments
from client.deadline import earliest
from client.open_call import OpenCall

DEEPEST_PATH: Final = 64
"""Names in one path at most, as upstream."""
LONGEST_NAME: Final = 128
"""Characters of one name at most."""

_Handle = TypeVar("_Handle")

enclosing_deadline: ContextVar[float] = ContextVar("enclosing_deadline", default=math.inf)
"""Deadline of the call that this code runs for, in seconds of the event loop's clock."""


_DEFAULTS: Final = Options()


@dataclass(frozen=True, slots=True)
class Target:
    """What a stub stands for: an entrypoint, the props it is called with, and how."""

    caller: Caller
    service: str
    entrypoint: str
    props: bytes | None = None
    options: Options = _DEFAULTS
    wire: dict[str, Any] = field(init=False, compare=False)
    """What of the options travels with every call; usually nothing."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "wire", _wire_options(self.props, self.options))


class Stub:
    """An entrypoint of a service. Calls on it are independent; each gets a new instance there."""

    __slots__ = ("_disposed", "_target")

    def __init__(self, target: Target) -> None:
        self._target = target
        self._disposed = False

    def __getattr__(self, name: str) -> Member:
        if name.startswith("__") and name.endswith("__"):
            # Python's own protocols must see that we do not implement them.
            raise AttributeError(name)
        return Member(self, (name,))

    async def fetch(self, resource: Request | str, **init: Any) -> Response:
        """Call the entrypoint's `fetch` with a request; the host in its URL means nothing.

        Raises: what a call raises.
        """
        request = resource if isinstance(resource, Request) and not init else Request(resource, **init)
        return await start(self, FETCH, ("fetch",), (request,), {})

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

    def __repr__(self) -> str:
        return f"<stub of {self._target.service}#{self._target.entrypoint}>"


class Member:
    """A member of a stub: call it as a method, or await it to read it as a property."""

    __slots__ = ("_path", "_stub")

    def __init__(self, stub: Stub, path: tuple[str, ...]) -> None:
        if len(path) > DEEPEST_PATH:
            raise TypeError(f"RPC pipelined property path is too deep (max {DEEPEST_PATH}).")
        self._stub = stub
        self._path = path

    def __getattr__(self, name: str) -> Member:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return Member(self._stub, (*self._path, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Call:
        """Start the call now and return it; awaiting it gives the result."""
        return start(self._stub, CALL, self._path, args, kwargs)

    def __await__(self) -> Generator[Any, None, Any]:
        """Read the property."""
        return start(self._stub, GET, self._path, (), {}).__await__()

    def __repr__(self) -> str:
        return f"<member {'.'.join(self._path)} of {self._stub!r}>"


class Call:
    """A call under way. Awaiting it gives the result or raises; cancelling the wait cancels the call."""

    __slots__ = ("_caller", "_record")

    def __init__(self, caller: Caller, record: OpenCall) -> None:
        self._caller = caller
        self._record = record

    @property
    def call_id(self) -> str:
        """The call ID, the same as `ctx.call_id` at the callee."""
        return call_id(self._caller.id, self._record.sequence, self._record.producer.service)

    def cancel(self) -> None:
        """Give the call up: it is not started if it is still queued, and cancelled if it runs."""
        self._caller.cancel(self._record)
        self._record.future.cancel()

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._record.future.__await__())
        except asyncio.CancelledError:
            self._caller.cancel(self._record)
            raise
        except BaseException as error:
            # Awaited twice, one exception object would collect the frames of both.
            raise error.with_traceback(None) from error.__cause__

    def __repr__(self) -> str:
        state = "done" if self._record.future.done() else "open"
        return f"<call {self._record.name} {self.call_id} {state}>"


def start(stub: Stub, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Start one call on *stub*. Errors of the arguments are the outcome of the call, not raised here.

    Raises:
        StubDisposed: the stub was given up.
    """
    target = live_target(stub)
    caller = target.caller
    loop = asyncio.get_running_loop()
    scope = anyio.current_effective_deadline()
    deadline = earliest(loop.time(), target.options.timeout, scope, enclosing_deadline.get())
    producer = caller.producer(target.service, target.entrypoint)
    try:
        if not path[-1].isidentifier() or len(path[-1]) > LONGEST_NAME:
            raise MethodNotFound(f"{path[-1]!a:.80} cannot be the name of a method.")
        body = encode_arguments(args, kwargs, caller.limit) if kind != GET else b""
    except RpcError as error:
        future: asyncio.Future[Any] = loop.create_future()
        future.set_exception(error)
        return Call(caller, OpenCall(0, b"", producer, path, deadline, future, oneway=False))
    return Call(caller, caller.call(producer, (Step(0, kind, path, body),), deadline, target.wire, loop))


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


def live_target(stub: Stub) -> Target:
    """What *stub* stands for.

    Raises:
        StubDisposed: it was given up.
    """
    if object.__getattribute__(stub, "_disposed"):
        raise StubDisposed("RPC stub used after being disposed.")
    return cast("Target", object.__getattribute__(stub, "_target"))


def bind(caller: Caller, service: str, entrypoint: str | None = None, props: Mapping[str, Any] | None = None) -> Stub:
    """A stub of *entrypoint* of *service*; *props* become `ctx.props` there.

    Raises:
        InvalidName: a name could not be one.
        DataCloneError: *props* cannot cross.
    """
    packed = encode(dict(props), limit=caller.limit) if props else None
    return Stub(Target(caller, check_service(service), check_entrypoint(entrypoint), packed))


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
    stays as it was.

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
    if not isinstance(stub, Stub):
        rebuild = getattr(type(stub), "__callyard_options__", None)
        if rebuild is None:
            raise TypeError(f"options() takes a stub or a member of one, not {type(stub).__name__}.")
        return cast("_Handle", rebuild(stub, given))
    target = live_target(stub)
    changed = replace(target.options, **{name: value for name, value in given.items() if value is not None})
    return cast("_Handle", Stub(replace(target, options=changed)))


def split(member: Member) -> tuple[Stub, tuple[str, ...]]:
    """The stub that *member* is a member of, and the path to it."""
    return object.__getattribute__(member, "_stub"), object.__getattribute__(member, "_path")


async def submit(member: Any, *args: Any, keep_result: float | None = None, **kwargs: Any) -> str:
    """Call *member* one-way and return the call ID once Redis holds the call.

    The call survives its caller. *keep_result* seconds long `Services.result` gives the outcome
    to any process. If cancelled, the call may or may not have been made.

    Raises:
        TypeError: *member* is not a method of a stub.
        ValueError: *keep_result* makes no sense.
        ServiceUnavailable, Overloaded: the call was not taken.
        BrokerUnavailable: Redis did not confirm in time; the message says whether the call may run.
    """
    if not isinstance(member, Member):
        raise TypeError(f"submit() takes a method of a stub, as in submit(env.B.add, 1, 2), not {member!r:.80}.")
    stub, path = split(member)
    target = live_target(stub if keep_result is None else options(stub, keep_result=keep_result))
    caller = target.caller
    body = encode_arguments(args, kwargs, caller.limit)
    loop = asyncio.get_running_loop()
    # A one-way call outlives whoever makes it, so neither scope nor enclosing call bounds it.
    deadline = earliest(loop.time(), target.options.timeout, math.inf, math.inf)
    producer = caller.producer(target.service, target.entrypoint)
    wire = {**target.wire, "oneway": True}
    return await Call(caller, caller.call(producer, (Step(0, CALL, path, body),), deadline, wire, loop))

"""All services on one Redis, as seen by a plain Python program."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from broker.codec import DEFAULT_LIMIT, HARD_LIMIT
from broker.envelope import unpack_reply
from broker.errors import CallTimeout, ConfigurationError
from broker.link import Address, Link
from broker.names import check_service, split_call_id
from broker.outcomes import read_outcome
from broker.registry import Offer, read_offers
from client.calling.caller import Caller
from client.stubs.stub import Stub, bind
from client.stubs.typed import typed

DEFAULT_URL: Final = "redis://localhost:6379"

_Like = TypeVar("_Like")
# Not `type[_Like]`: that takes no protocols.


class Services:
    """An open connection to all services: `services.worker_b` is a stub of the service `worker_b`.

    Made by `connect`; an async context manager.
    """

    def __init__(self, url: str | None = None, *, prefix: str, max_message_bytes: int, connect_timeout: float) -> None:
        self._address = Address.parse(url or os.environ.get("BROKER_URL") or DEFAULT_URL)
        self._prefix = prefix
        self._limit = max_message_bytes
        self._connect_timeout = connect_timeout
        self._link: Link | None = None
        self._caller: Caller | None = None

    @overload
    def service(
        self, name: str, entrypoint: str | None = None, *, props: Mapping[str, Any] | None = None, like: None = None
    ) -> Stub: ...
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
        """A stub of *entrypoint* (`Default`) of the service *name*; *props* become `ctx.props` there.

        For type checkers it is a *like*, a class that declares the members, and results are rebuilt into its types.

        Raises:
            InvalidName: a name could not be one.
            TypeError: *like* is no class.
            RuntimeError: used outside `async with`.
        """
        stub = bind(self._open_caller(), name, entrypoint, props)
        return stub if like is None else typed(stub, like)

    def __getattr__(self, name: str) -> Stub:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.service(name)

    async def result(self, call_id: str, *, timeout: float = 60.0) -> Any:
        """The outcome of a call that was made with `keep_result`, in whatever process.

        Waits up to *timeout* seconds for it. Safe to cancel.

        Raises:
            LookupError: no result is kept under this ID: it is unknown, or its time is over.
            CallTimeout: the call has no outcome yet.
            Exception: what the call raised.
        """
        call, service = split_call_id(call_id)
        caller = self._open_caller()
        give_up = asyncio.get_running_loop().time() + timeout
        pause = 0.005
        while not (kept := await caller.commands.send("GET", caller.keys(service).result(call))):
            if kept is None:
                raise LookupError(f"No result is kept for {call_id}: it is unknown, or its time is over.")
            if asyncio.get_running_loop().time() + pause > give_up:
                raise CallTimeout(f"{call_id} has no outcome yet.", executed="maybe")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.25)
        _, kind, body = unpack_reply(kept)
        value, error = read_outcome(kind, body, self._limit)
        if error is not None:
            raise error
        return value

    async def describe(self, name: str) -> dict[str, Offer]:
        """What the live workers of the service *name* offer, by entrypoint; empty where there are none."""
        caller = self._open_caller()
        return await read_offers(caller.commands, caller.keys(check_service(name)))

    async def __aenter__(self) -> Self:
        link = Link(self._address, name="callyard-client", resend=True)
        await link.open(self._connect_timeout)
        caller = Caller(self._address, link, prefix=self._prefix, limit=self._limit)
        try:
            await caller.start()
        except BaseException:
            await link.close()
            raise
        self._link, self._caller = link, caller
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        closing = asyncio.ensure_future(self._close())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # It waits for nobody else, and left half done its connections would stay open.
            await asyncio.wait([closing])
            raise

    async def _close(self) -> None:
        caller, link = self._caller, self._link
        self._caller = self._link = None
        if caller is not None:
            await caller.close()
        if link is not None:
            await link.close()

    def _open_caller(self) -> Caller:
        if self._caller is None:
            raise RuntimeError("Use the services inside `async with connect(...) as services:`.")
        return self._caller


def connect(
    url: str | None = None,
    *,
    prefix: str | None = None,
    max_message_bytes: int | None = None,
    connect_timeout: float = 10.0,
) -> Services:
    """All services on the Redis at *url* (default: `$BROKER_URL`, then redis://localhost:6379).

    Use as `async with connect() as services:`. Entering it raises `BrokerUnavailable` where no
    Redis answers within *connect_timeout* seconds, and `AuthenticationFailed`.

    Raises:
        ConfigurationError: *url* or *max_message_bytes* cannot be used.
    """
    limit = max_message_bytes or _limit_from_environment()
    if not 1024 <= limit <= HARD_LIMIT:
        raise ConfigurationError(f"max_message_bytes is {limit}; use 1024 to {HARD_LIMIT} (32 MiB).")
    return Services(
        url,
        prefix=prefix or os.environ.get("CALLYARD_PREFIX") or "callyard",
        max_message_bytes=limit,
        connect_timeout=connect_timeout,
    )


def limit_of(services: Services) -> int:
    """The largest call or reply, in bytes."""
    return services._limit  # pyright: ignore[reportPrivateUsage] -- every public name is a service's


def broker_of(services: Services) -> str:
    """Where Redis is, as people may see it."""
    return services._address.shown  # pyright: ignore[reportPrivateUsage] -- likewise


def _limit_from_environment() -> int:
    text = os.environ.get("CALLYARD_MAX_MESSAGE_BYTES", "")
    if not text:
        return DEFAULT_LIMIT
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)):
        if text.endswith(unit) and text.removesuffix(unit).isdigit():
            return int(text.removesuffix(unit)) * factor
    raise ConfigurationError(f"CALLYARD_MAX_MESSAGE_BYTES is {text!r}; write bytes, or for example 4MiB.")

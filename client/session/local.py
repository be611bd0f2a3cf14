"""Stubs of objects of this very process: made by hand, or of objects that came home."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from broker.codec import DEFAULT_LIMIT, HARD_LIMIT, decode, encode
from broker.errors import RpcError
from broker.methods.target import RpcTarget
from broker.references import EXPORT
from client.calling.call import Call
from client.session.exported import Exported
from client.session.later import Waiting, with_results
from client.session.receivers import apply
from client.session.running import LOCAL, is_function
from client.session.sending import is_stream
from client.session.signals import AbortController, AbortSignal
from client.stubs.call_options import Options
from client.stubs.object_stub import RpcStub
from client.stubs.stub import Stub

_DEFAULTS = Options()


class LocalTarget:
    """What a stub of an object of this process stands for."""

    session = None
    number = 0

    def __init__(
        self,
        exported: Exported,
        options: Options = _DEFAULTS,
        rebuild: Callable[[tuple[str, ...], Any], Any] | None = None,
    ) -> None:
        self.exported = exported
        self.options = options
        self.rebuild = rebuild
        self._loop = asyncio.get_running_loop()

    def start(self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Start one call: values are copied, as if they had travelled."""

        async def work() -> Any:
            given, named = copied(list(await with_results(args, kwargs)))
            async with asyncio.timeout(self.options.timeout):
                value = await apply(self.exported.target, kind, path, given, named, self.exported.runner)
            return copied(value)

        return Waiting(".".join(path) or "a function").run(work())

    def hold(self, options: Options | None = None) -> LocalTarget:
        """Count one more handle."""
        self.exported.hold()
        return LocalTarget(self.exported, options or self.options, self.rebuild)

    def let_go(self) -> None:
        """Count one handle less. May be called from any thread."""
        with suppress(RuntimeError):  # the loop was closed, and everything ended with it
            self._loop.call_soon_threadsafe(self.exported.let_go)

    def on_broken(self, callback: Callable[[RpcError], object]) -> None:
        """Never: it goes with this process."""

    def __repr__(self) -> str:
        return f"{type(self.exported.target).__name__} of this process"


def local_target(value: Any) -> LocalTarget:
    """What a new stub of *value* stands for.

    Raises:
        TypeError: there can be none.
    """
    if not (isinstance(value, RpcTarget) or is_function(value) or type(value) is dict):
        raise TypeError("RpcStubs can only wrap plain objects, functions, and RpcTarget derivatives.")
    return LocalTarget(Exported(value, LOCAL))


def copied(value: Any) -> Any:
    """A copy of *value* as the other side of a call would get it.

    Raises:
        DataCloneError: something in it could not travel.
    """
    table = _Table()
    return decode(encode(value, limit=HARD_LIMIT, references=table), limit=HARD_LIMIT + DEFAULT_LIMIT, references=table)


class _Table:
    """References that never leave."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def dump(self, value: Any) -> tuple[int, list[Any]] | None:
        if not (
            isinstance(value, Stub | RpcTarget | AbortSignal | AbortController)
            or is_function(value)
            or is_stream(value)
        ):
            return None
        self._kept.append(value)
        return EXPORT, [len(self._kept) - 1]

    def load(self, code: int, wire: list[Any]) -> Any:
        value = self._kept[wire[0]]
        if isinstance(value, Stub):
            return value.dup()
        if isinstance(value, AbortController):
            return value.signal
        return RpcStub(value) if isinstance(value, RpcTarget) or is_function(value) else value

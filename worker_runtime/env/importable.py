"""What services import to use anywhere inside a call: `env`, `exports` and `waitUntil` of the call that runs."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Awaitable
from typing import Any, Final

from worker_runtime.context import GLOBAL_SCOPE, Invocation, current, discard
from worker_runtime.env.overriding import overridden


class Environment:
    """`env` as a module-level name: what is read from it comes from the `env` of the running call.

    `with_env` and `patch_env` go before that, also where no call is running.
    """

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        # Tools that inspect modules ask for such names, and take only AttributeError for a no.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        over = overridden()
        if over is not None and (over.whole or name in over.values):
            return over.value(name)
        return getattr(_invocation(f"env.{name}").env, name)

    def __dir__(self) -> list[str]:
        over = overridden()
        if over is not None and over.whole:
            return sorted(over.values)
        running = current.get(None)
        if running is None and over is None:
            raise _outside("env")
        return sorted({*(() if running is None else dir(running.env)), *(() if over is None else over.values)})

    def __repr__(self) -> str:
        return "<env of the running call>"


env: Final = Environment()
"""The environment of the running call; outside a call reading from it raises `RuntimeError`."""


class ImportableExports:
    """`ctx.exports` as a module-level name: the entrypoints of the service whose call is running."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return getattr(_invocation(f"exports.{name}").ctx.exports, name)

    def __dir__(self) -> list[str]:
        return dir(_invocation("exports").ctx.exports)

    def __repr__(self) -> str:
        return "<exports of the running call>"


exports: Final = ImportableExports()
"""The entrypoints of the service whose call is running; outside a call reading from it raises `RuntimeError`."""


def wait_until(awaitable: Awaitable[Any] | concurrent.futures.Future[Any]) -> None:
    """`ctx.wait_until` of the running call.

    Raises:
        RuntimeError: No call is running here.
    """
    invocation = current.get(None)
    if invocation is None:
        discard(awaitable)
        raise RuntimeError(f"{GLOBAL_SCOPE} waitUntil() works only inside a call.")
    invocation.ctx.wait_until(awaitable)


waitUntil = wait_until  # noqa: N816


def _invocation(what: str) -> Invocation:
    try:
        return current.get()
    except LookupError:
        raise _outside(what) from None


def _outside(what: str) -> RuntimeError:
    return RuntimeError(f"{GLOBAL_SCOPE} {what} can be read only inside a call.")

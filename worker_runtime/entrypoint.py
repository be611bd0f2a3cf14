"""`WorkerEntrypoint`: the class that a service extends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from broker.methods.visibility import RESERVED

if TYPE_CHECKING:
    from worker_runtime.context import Context


class WorkerEntrypoint:
    """The base of every class whose public methods callers may reach.

    Every call gets an instance of its own, so nothing kept on one is seen by another call. A
    subclass with an `__init__(self, ctx, env)` of its own may leave out `super().__init__(ctx, env)`.

    Attributes:
        ctx: The call: `waitUntil`, `props`, `deadline` and the rest of `Context`.
        env: The bindings, variables and secrets of the service.
    """

    __callyard_reserved__ = RESERVED

    ctx: Context
    env: Any

    def __init__(self, ctx: Context, env: Any) -> None:
        self.ctx = ctx
        self.env = env

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Only classes that replace `__init__` pay for a `__new__`: it runs once for every call.
        if cls.__init__ is not WorkerEntrypoint.__init__ and cls.__new__ is object.__new__:
            # Not an assignment: type checkers would take it for the constructor of every subclass.
            setattr(cls, "__new__", staticmethod(_with_context))  # noqa: B010


def _with_context(cls: type[WorkerEntrypoint], ctx: Any = None, env: Any = None, *_: Any, **__: Any) -> Any:
    self = object.__new__(cls)
    self.ctx = ctx
    self.env = env
    return self

"""Running functions and methods of objects that others hold references to."""

from __future__ import annotations

import asyncio
import functools
import inspect
import types
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from broker.methods.checking import LAX, Checking
from broker.methods.visibility import not_callable
from client.session.threads import in_thread

if TYPE_CHECKING:
    from broker.methods.method import Method
    from broker.methods.target import RpcTarget

_FUNCTIONS: Final = (
    types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.MethodWrapperType, functools.partial,
)  # fmt: skip


def is_function(value: object) -> bool:
    """Whether *value* travels by reference because it is a function, a bound method or the like."""
    return isinstance(value, _FUNCTIONS)


class Runner:
    """Runs what callers reach: coroutines on the event loop, the rest in threads or, *inline*, on the loop as well.

    Plain methods and properties of one object run one at a time, in the order of the calls. *checking* is how arguments
    and results of methods are checked.
    """

    def __init__(
        self, threads: Executor | None, *, inline: bool, inline_functions: bool, checking: Checking = LAX
    ) -> None:
        self.checking: Final = checking
        self._threads = threads
        self._inline = inline
        self._inline_functions = inline_functions
        self._turns: dict[int, tuple[weakref.ref[Any], asyncio.Lock]] = {}

    async def function(self, value: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a function; what it returns is awaited where it can be.

        Raises:
            MethodNotFound: *value* is none.
        """
        if not is_function(value):
            raise not_callable(getattr(value, "__name__", type(value).__name__))
        if self._inline_functions or inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value):
            result = value(*args, **kwargs)
        else:
            result = await in_thread(self._threads, value, args, kwargs)
        return await result if inspect.isawaitable(result) else result

    async def method(self, target: RpcTarget, method: Method, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Call a method of *target*, or read a property: its arguments are checked first, and its result.

        Raises:
            InvalidArguments: the arguments do not fit.
            TypeError: the result is not what its annotation promises.
        """
        if method.kind == "method":
            args, kwargs = method.validate(args, kwargs)
        function = method.bind(target)
        inline = method.policy.inline
        if method.is_async or method.is_async_generator:
            result = function(*args, **kwargs)
        else:
            async with self._turn(target):
                if self._inline if inline is None else inline:
                    result = function(*args, **kwargs)
                else:
                    result = await in_thread(self._threads, function, args, kwargs)
        if inspect.isawaitable(result):
            result = await result
        return result if method.check_result is None else method.check_result(result)

    def _turn(self, target: object) -> asyncio.Lock:
        known = self._turns.get(id(target))
        if known is None:
            key = id(target)
            # By identity: the object may have an equality of its own.
            known = self._turns[key] = (weakref.ref(target, lambda _: self._turns.pop(key, None)), asyncio.Lock())
        return known[1]


LOCAL: Final = Runner(None, inline=False, inline_functions=True)
"""How a plain program runs what it exported: its functions on its own loop, whose state they usually share."""

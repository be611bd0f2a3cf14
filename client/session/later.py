"""Calls that have to wait for others: on a result whose call has left already, or with promises as arguments."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from client.calling.call import Call, parts
from client.calling.member import Receiver
from client.calling.program import Program


class Waiting:
    """Owner and record of a call that waits in a task of its own."""

    limit = 0

    def __init__(self, name: str) -> None:
        self.name = name
        self._task: asyncio.Task[Any] | None = None

    def run(self, work: Coroutine[Any, Any, Any]) -> Call:
        """The call that *work* makes."""
        self._task = asyncio.get_running_loop().create_task(work)
        return Call(self, self, self._task)

    def cancel(self, call: Any) -> None:
        """Give up waiting, and the call if it was made."""
        if self._task is not None:
            self._task.cancel()

    def identify(self, call: Any) -> str:
        """No ID yet."""
        return "(waits for another)"

    def grow(self, call: Any, handle: object) -> Program | None:
        """What is called on its result waits for it too."""
        return None

    def encode_step(self, call: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
        """Never asked: it has no program."""
        raise NotImplementedError


def after(call: Call, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Apply one step to the result of *call*, and to the results of the calls among the arguments."""
    from client.session.receivers import apply
    from client.session.running import LOCAL

    async def work() -> Any:
        value = await call
        given, named = await with_results(args, kwargs)
        return await apply(value, kind, path, given, named, LOCAL)

    return Waiting(f"{parts(call)[1].name}.{'.'.join(path)}").run(work())


def when_ready(
    receiver: Receiver, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Call:
    """Start one step on *receiver* when the calls among the arguments have their results."""

    async def work() -> Any:
        given, named = await with_results(args, kwargs)
        return await receiver.__callyard_start__(kind, path, given, named)

    return Waiting(".".join(path)).run(work())


async def with_results(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with the result in place of each call. Safe to cancel.

    Raises: what one of them raises.
    """
    calls: list[Call] = []
    _replace([args, kwargs], calls.append)
    results = dict(zip(map(id, calls), await asyncio.gather(*calls), strict=True))
    given, named = _replace([args, kwargs], lambda call: results[id(call)])
    return given, named


def _replace(value: Any, replacement: Callable[[Call], Any]) -> Any:
    if isinstance(value, Call):
        return replacement(value)
    if type(value) is dict:
        return {key: _replace(item, replacement) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    if type(value) in (list, tuple):
        return type(value)(_replace(item, replacement) for item in value)
    return value

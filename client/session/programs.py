"""Running a program: each step as soon as what it hangs on is there, begun in the order in which they were made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

from broker.envelope import GET, MAP, Outcome, Step
from broker.errors import ProtocolError
from broker.methods.target import RpcTarget
from client.calling.program import MOST_STEPS
from client.session.exported import Exported
from client.session.promises import check_places
from client.session.receivers import apply, fulfil
from client.session.receiving import Receiving
from client.session.running import Runner
from client.stubs.object_stub import RpcStub

Enter = Callable[[Step, Sequence[Any], Mapping[str, Any]], Awaitable[Any]]
"""Runs a step on what the program as a whole was sent to."""


class ProgramRun:
    """One run of a program.

    All arguments are read when it is made, whenever their steps begin: what comes next may say more of the references
    in them, and is passed over where nobody holds those yet.
    """

    def __init__(
        self, program: Sequence[Step], enter: Enter, receiving: Callable[[], Receiving], runner: Runner, limit: int
    ) -> None:
        self._program = program
        self._enter = enter
        self._runner = runner
        self._steps: list[asyncio.Task[Any]] = []
        self._received: list[Receiving] = []
        self._arguments = [self._read(step, receiving, limit) for step in program[:MOST_STEPS]]

    def dispose(self) -> None:
        """Give up the stubs that came as arguments, now that what the steps gave is on its way."""
        for receiving in self._received:
            receiving.dispose()
        # Exceptions that a step ended with lead here, and would lead back to themselves.
        self._received = []
        self._arguments = []
        self._steps = []

    async def run(self, want: Sequence[int]) -> list[Any]:
        """Run all steps; the value of each, or the exception that it ended with.

        What came of steps that are not in *want* is disposed. If cancelled, so are they.

        Raises:
            ProtocolError: a step hangs on one that does not come before it, or there are too many.
        """
        program = self._program
        if len(program) > MOST_STEPS or any(not 0 <= step.receiver <= at for at, step in enumerate(program)):
            raise ProtocolError("The steps of the program do not follow from each other.", executed="no")
        if len(self._program) == 1:
            return [await self._caught(0)]
        loop = asyncio.get_running_loop()
        self._steps = [loop.create_task(self._caught(at)) for at in range(len(self._program))]
        try:
            values = await asyncio.gather(*self._steps)
        except BaseException:
            for step in self._steps:
                step.cancel()
                step.add_done_callback(self._abandoned)
            raise
        for at, value in enumerate(values):
            if at not in want:
                _give_up(value, self._runner)
        return values

    async def _caught(self, at: int) -> Any:
        try:
            return await self._run(at, self._program[at])
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # asyncio lets some of them stop the loop, and with it every other call
            return Raised(error)

    def _abandoned(self, step: asyncio.Task[Any]) -> None:
        if not step.cancelled() and step.exception() is None:
            _give_up(step.result(), self._runner)

    async def _run(self, at: int, step: Step) -> Any:
        receiver = await self._value(step.receiver) if step.receiver else None
        # Kept here alone from now on: a stream that the step lets go has to stop.
        given, self._arguments[at] = self._arguments[at], _TAKEN
        if isinstance(given, Raised):
            raise given.error
        args, kwargs = given.args, given.kwargs
        if given.promised and step.kind != MAP:  # those of a recorded function are its own
            args, kwargs = await self._fulfilled([args, kwargs], at)
        del given
        if step.receiver == 0:
            return await self._enter(step, args, kwargs)
        return await apply(receiver, step.kind, step.path, args, kwargs, self._runner)

    def _read(self, step: Step, receiving: Callable[[], Receiving], limit: int) -> Given | Raised:
        try:
            into = receiving()
            self._received.append(into)
            args, kwargs = read_body(step, into, limit)
            if into.promised:
                check_places([args, kwargs], into.promised)
        except Exception as error:
            return Raised(error)
        return Given(args, kwargs, into.promised > 0)

    async def _fulfilled(self, value: Any, before: int) -> Any:
        def value_of(step: int) -> Awaitable[Any]:
            if not 1 <= step <= before:
                raise ProtocolError("A step waits for one that does not come before it.", executed="no")
            return self._value(step)

        return await fulfil(value, value_of, self._runner)

    async def _value(self, step: int) -> Any:
        """The value of the step of that number, counted from 1.

        Raises: what that step raised.
        """
        value = await asyncio.shield(self._steps[step - 1])
        if isinstance(value, Raised):
            raise value.error
        return value


def describe_each(
    values: Sequence[Any], want: Sequence[int], room: int, describe: Callable[[Any, int], Outcome]
) -> list[tuple[int, Outcome]]:
    """The outcomes of the steps in *want*, which have *room* bytes together; *describe* makes one."""
    rows: list[tuple[int, Outcome]] = []
    for step in want:
        rows.append((step, describe(values[step], room)))
        room -= len(rows[-1][1].body)
    return rows


class Given(NamedTuple):
    """The arguments of a step, and whether values of other steps stand in them."""

    args: list[Any]
    kwargs: dict[str, Any]
    promised: bool


class Raised:
    """Stands for the value of a step that has none."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


_TAKEN: Final = Given([], {}, promised=False)


def read_body(step: Step, receiving: Receiving, limit: int) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of *step*.

    Raises:
        RpcError: they cannot be read.
    """
    if step.kind == GET:
        return [], {}
    body = receiving.decode(step.body, limit)
    match body:
        case [list(), dict()]:
            return cast("list[Any]", body[0]), cast("dict[str, Any]", body[1])
        case _:
            raise ProtocolError("The arguments of the call have the wrong shape.", executed="no")


def _give_up(value: Any, runner: Runner) -> None:
    """Dispose what nobody asked for, as its caller would have."""
    if isinstance(value, RpcStub):
        value.dispose()
    elif isinstance(value, RpcTarget):
        Exported(value, runner).let_go()

"""What travels by reference in a value that is sent."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import anyio

from broker.codec import encode
from broker.errors import DataCloneError, PayloadTooLarge
from broker.http import Request, Response
from broker.http.body import divided
from broker.methods.target import RpcTarget
from broker.references import EXPORT, OWN, PROMISE, SIGNAL, STREAM, NotYet
from broker.session import OBJECT
from broker.session import SIGNAL as A_SIGNAL
from broker.session import STREAM as A_STREAM
from broker.values import REQUEST, RESPONSE
from client.calling.arguments import encode_arguments
from client.calling.call import Call, parts
from client.calling.member import Member
from client.session.exported import Exported
from client.session.promises import Placeholder, promise_of
from client.session.running import is_function
from client.session.signals import AbortController, AbortSignal, signal_of
from client.stubs.bindings import dump_binding
from client.stubs.object_stub import ObjectTarget
from client.stubs.stub import Stub, live_target

if TYPE_CHECKING:
    from client.calling.caller import Caller
    from client.calling.program import Program
    from client.session.live import LiveSession


LARGEST_PIECE: Final = 256 << 10
"""Bytes of one piece of a body that travels in pieces."""

_SMALL: Final = 512
"""Bytes of a body that stays whole in any case."""


class Sending:
    """One value on its way. References are numbered as they are met; `undo` takes them back if it does not leave.

    Bodies of requests and responses travel in pieces, as streams, where a message could not hold the value with them.

    *transfer* gives stubs away: they are disposed once the value has left, as results do; arguments keep theirs.
    *create* makes the session where there is none yet; *record* is the call whose results may stand in the value.
    """

    def __init__(
        self,
        caller: Caller,
        service: str,
        session: LiveSession | None = None,
        *,
        record: Any = None,
        transfer: bool = False,
        create: Callable[[], LiveSession] | None = None,
    ) -> None:
        self.session = session
        self.plain_only: str | None = None
        """Why no reference to an object may travel in the value, where none may."""
        self._caller = caller
        self._divisible = False
        """Whether a body was met that can be divided."""
        self._dividing = False
        self._record = record
        self._transfer = transfer
        self._create = create or (lambda: caller.sessions.create(service))
        self._recorded: Any = None
        """The calls of the function of a `map`, where the value holds those: its placeholders are their results."""
        self._made: list[int] = []
        self._given: list[Stub] = []

    def encode(self, value: Any, *, limit: int) -> bytes:
        """*value* as at most *limit* bytes. If it fails, nothing was exported.

        Raises: what `codec.encode` raises, and `NotYet`.
        """
        return self._fitting(lambda: encode(value, limit=limit, references=self), limit)

    def encode_arguments(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], limit: int, *, room: int | None = None
    ) -> bytes:
        """The body of a calling step of at most *limit* bytes. If it fails, nothing was exported.

        With more than *room* bytes it may be too large once it has a head: then what can be divided is.

        Raises: what `client.calling.arguments.encode_arguments` raises.
        """
        self._recorded = args[0] if args else None
        return self._fitting(lambda: encode_arguments(args, kwargs, limit, self), limit if room is None else room)

    def dump(self, value: Any) -> tuple[int, list[Any]] | None:
        """The reference that stands for *value*; None where it is none.

        Raises:
            RpcError: it cannot travel here.
            NotYet: it is a promise that has to be awaited first.
        """
        if isinstance(value, Request | Response):
            return self._dump_divided(value)
        if isinstance(value, Stub):
            return dump_binding(value) or self._dump_stub(value)
        if isinstance(value, RpcTarget):
            return EXPORT, [self._export(OBJECT, _duplicate(value))]
        if is_function(value):
            return EXPORT, [self._export(OBJECT, value)]
        if isinstance(value, AbortSignal | AbortController | anyio.CancelScope):
            return self._dump_signal(value)
        if isinstance(value, Call):
            return self._dump_promise(value)
        if isinstance(value, Placeholder):
            step, path = promise_of(value, self._recorded)
            return PROMISE, [step, list(path)]
        if is_stream(value):
            return STREAM, [self._export(A_STREAM, value)]
        if isinstance(value, Member):
            raise DataCloneError(f"Could not serialize {value!r}. This type does not support serialization: await it.")
        return None

    def undo(self) -> None:
        """Take back what was exported for a value that does not leave."""
        if self.session is not None:
            for number in self._made:
                self.session.retract(number)
        self._made.clear()
        self._given.clear()

    def leave_with(self, program: Program, body: bytes, limit: int) -> None:
        """The value leaves as the *body* of a further step of *program*. If it cannot, nothing was exported.

        Raises:
            PayloadTooLarge: *program* would be larger than *limit* bytes.
        """
        try:
            program.check_room(body, limit)
        except PayloadTooLarge:
            self.undo()
            raise
        self.left()

    def left(self) -> None:
        """The value is on its way: streams in it begin, and stubs given away with it are disposed."""
        if self.session is not None:
            self.session.producing.begin(self._made)
        if self._transfer:
            for stub in self._given:
                stub.dispose()

    def _fitting(self, write: Callable[[], bytes], room: int) -> bytes:
        """What *write* gives; a second time and with bodies in pieces where that has more than *room* bytes."""
        try:
            body = write()
            if len(body) <= room or not self._divisible or self.plain_only is not None:
                return body
        except PayloadTooLarge as error:
            self.undo()
            if not self._divisible:
                raise
            if self.plain_only is not None:
                raise PayloadTooLarge(
                    f"{error.message} A larger body travels in pieces, which a call with {self.plain_only} cannot have."
                ) from error
        except BaseException:
            self.undo()
            raise
        self.undo()
        self._dividing = True
        try:
            return write()
        except BaseException:
            self.undo()
            raise

    def _dump_divided(self, message: Request | Response) -> tuple[int, list[Any]] | None:
        """The same with its body in pieces; None where it travels as it is."""
        body = message.body
        if not isinstance(body, bytes) or len(body) <= _SMALL or message.body_used:
            return None
        self._divisible = True
        if not self._dividing:
            return None
        code = REQUEST if isinstance(message, Request) else RESPONSE
        return code, divided(message, min(LARGEST_PIECE, self._caller.limit // 2)).dump()

    def _dump_stub(self, stub: Stub) -> tuple[int, list[Any]]:
        target: ObjectTarget = live_target(stub)
        self._given.append(stub)
        if target.session is self.session and self.session is not None:
            return OWN, [target.number]
        # Of somebody else: calls go through this process, which holds the stub for as long as it is wanted there.
        return EXPORT, [self._export(OBJECT, stub.dup())]

    def _dump_signal(self, value: Any) -> tuple[int, list[Any]]:
        if isinstance(value, anyio.CancelScope):
            signal = signal_of(value)
        else:
            signal = value.signal if isinstance(value, AbortController) else value
        if signal.aborted:
            return SIGNAL, [0, signal.reason]
        number = self._export(A_SIGNAL, signal)
        assert self.session is not None
        self.session.producing.follow(number, signal)
        return SIGNAL, [number, None]

    def _dump_promise(self, call: Call) -> tuple[int, list[Any]]:
        _, record, _, step = parts(call)
        if record is self._record and record is not None:
            return PROMISE, [step, []]
        raise NotYet

    def _export(self, kind: int, target: Any) -> int:
        if self.plain_only is not None:
            raise DataCloneError(
                f"Could not serialize {type(target).__name__}: a call with {self.plain_only} "
                "cannot carry references to live objects."
            )
        if self.session is None:
            self.session = self._create()
        exported = Exported(target, self.session.runner) if kind == OBJECT else target
        number = self.session.machine.export(kind, exported)
        self._made.append(number)
        return number


def is_stream(value: Any) -> bool:
    """Whether *value* travels as a stream: an async iterable, or a generator."""
    return isinstance(value, AsyncIterable) or inspect.isgenerator(value)


def promised_calls(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Call]:
    """The calls among the arguments, however deep."""
    return list(_calls([args, kwargs]))


def _calls(value: Any) -> Iterator[Call]:
    if isinstance(value, Call):
        yield value
    elif type(value) is dict:
        for item in value.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _calls(item)
    elif type(value) in (list, tuple):
        for item in value:
            yield from _calls(item)


def _duplicate(target: RpcTarget) -> RpcTarget:
    """What is sent of *target*: what its own `dup()` gives, if it has one.

    Raises:
        DataCloneError: that is no target.
    """
    dup = getattr(target, "dup", None)
    if not callable(dup):
        return target
    copy = dup()
    if not isinstance(copy, RpcTarget):
        raise DataCloneError(f"{type(target).__name__}.dup() must give an RpcTarget, not {type(copy).__name__}.")
    return copy

"""What a stub of an object of another process stands for, and the record of a call on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from broker.errors import RpcError
from client.calling.call import Call
from client.calling.program import Program
from client.stubs.call_options import Options

if TYPE_CHECKING:
    from client.session.live import LiveSession

_DEFAULTS: Final = Options()


class Reference:
    """One reference of the other side, with the number of its handles here."""

    __slots__ = ("holders", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.holders = 1


class RemoteTarget:
    """An object of the other side of *session*, and how calls on it are made."""

    __slots__ = ("_reference", "options", "rebuild", "session")

    def __init__(
        self,
        session: LiveSession,
        reference: Reference,
        options: Options = _DEFAULTS,
        rebuild: Callable[[tuple[str, ...], Any], Any] | None = None,
    ) -> None:
        self.session = session
        self.options = options
        self.rebuild = rebuild
        self._reference = reference

    @property
    def number(self) -> int:
        """Its number in the session."""
        return self._reference.number

    def start(self, kind: int, path: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        """Start one call. Errors of the arguments are its outcome.

        Raises:
            RuntimeError: the stub belongs to another event loop.
        """
        self.session.caller.check_loop()
        return self.session.asking.ask(self, kind, path, args, kwargs)

    __callyard_start__ = start

    def hold(self, options: Options | None = None) -> RemoteTarget:
        """Count one more handle."""
        self._reference.holders += 1
        return RemoteTarget(self.session, self._reference, options or self.options, self.rebuild)

    def let_go(self) -> None:
        """Count one handle less; the last one releases the object. May be called from any thread, at any moment."""
        # Never at once: a handle may be collected in the middle of whatever else the session does.
        self.session.soon(self._let_go)

    def on_broken(self, callback: Callable[[RpcError], object]) -> None:
        """Tell *callback* when the object is gone before its time; at once if it is."""
        self.session.on_broken(callback)

    def _let_go(self) -> None:
        self._reference.holders -= 1
        if self._reference.holders == 0:
            self.session.release(self._reference.number)

    def __repr__(self) -> str:
        return f"an object of {self.session.service}"


class SessionCall:
    """The record of a call on an object until it has its outcome."""

    __slots__ = ("deadline", "future", "message", "name", "number", "program", "receiver", "sequence", "session")

    def __init__(
        self, session: LiveSession, name: str, receiver: int, deadline: float, future: asyncio.Future[Any]
    ) -> None:
        self.session = session
        self.name = name
        """For error texts."""
        self.receiver = receiver
        self.deadline = deadline
        """Seconds of the monotonic clock of the event loop."""
        self.future = future
        self.sequence = session.caller.next_number()
        """What tells it from every other call of this process."""
        self.number = 0
        """Its number in the session; 0 for one that could not be made."""
        self.program: Program | None = None
        self.message: list[Any] = []

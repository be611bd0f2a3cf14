"""A session of this process: its machine, and everything around it that does something."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

from broker import session as events
from broker.envelope import Outcome
from broker.errors import RpcError, StubBroken, StubDisposed
from broker.outcomes import refused
from client.session.answering import Answering
from client.session.asking import Asking
from client.session.consuming import Consuming
from client.session.exported import Exported
from client.session.producing import Producing
from client.session.remote_target import Reference, RemoteTarget
from client.session.running import Runner
from client.session.signals import AbortSignal

if TYPE_CHECKING:
    from client.calling.caller import Caller

_log: Final = logging.getLogger("callyard.session")


class Channel(Protocol):
    """The way to the other side."""

    def send(self, number: int, messages: list[Any]) -> None:
        """Send one batch. Never blocks."""
        ...


class LiveSession:
    """One end of a session, for code that calls and is called through it.

    Attributes:
        machine: Its tables.
        caller: The caller of this process.
        service: The service that the call was made to.
        runner: Runs what the other side calls.
        context: The context variables that calls of the other side see.
        asking: The calls of this side.
        producing: The streams and signals of this side.
        consuming: The streams and signals of the other side.
        channel: The way to the other side, once it is known.
        ended: Called once, when it is over or broke.
    """

    def __init__(self, caller: Caller, service: str, runner: Runner) -> None:
        self.machine: Final = events.Session()
        self.caller: Final = caller
        self.service: Final = service
        self.runner: Final = runner
        self.context: Final = contextvars.copy_context()
        self.asking: Final = Asking(self)
        self.producing: Final = Producing(self)
        self.consuming: Final = Consuming(self)
        self.channel: Channel | None = None
        self.ended: Callable[[], None] = lambda: None
        self._held = True
        self._over = False
        self._flushing = False
        self._answering = Answering(self)
        self._on_broken: list[Callable[[RpcError], object]] = []
        self._handlers: Final[dict[type, Callable[..., None]]] = {
            events.Asked: self._answering.begin,
            events.Unanswerable: self._unanswerable,
            events.Returned: self.asking.returned,
            events.Cancelled: self._answering.cancel,
            events.Released: self._released,
            events.Chunk: self.consuming.arrived,
            events.Finished: self.consuming.finished,
            events.Credited: self.producing.credited,
            events.Stopped: self.producing.stopped,
            events.Fired: self.consuming.fired,
            events.Broken: self._broke,
        }

    @property
    def limit(self) -> int:
        """Bytes of a message."""
        return self.caller.limit

    def target(self, number: int) -> RemoteTarget:
        """What a stub of a reference that was just adopted stands for."""
        return RemoteTarget(self, Reference(number))

    def release(self, number: int) -> None:
        """Let an object of the other side go."""
        self.machine.release(number)
        self.changed()

    def retract(self, number: int) -> None:
        """Take back a reference of ours that does not leave."""
        target = self.machine.retract(number)
        if isinstance(target, Exported):
            target.discard()
        elif isinstance(target, AbortSignal):
            self.producing.released(target)

    def hear(self, number: int, messages: Sequence[Any]) -> None:
        """Take in a batch of the other side."""
        for event in self.machine.hear(number, messages):
            try:
                self._handlers[type(event)](event)
            except Exception as error:
                # What a hostile side brings about ends with its own session.
                _log.warning("a session with %s breaks: %s", self.service, error)
                self.break_off(f"The other side sent what cannot be read: {type(error).__name__}: {error!s:.200}")
        self.changed()

    def answer(self, number: int, outcome: Outcome) -> None:
        """Give a call of the other side its outcome."""
        self.machine.answer(number, *outcome)
        self.changed()

    def introduce(self) -> None:
        """Tell the other side where this one is: it may have something to send and know no way yet."""
        assert self.channel is not None
        self.channel.send(*self.machine.mark())

    def release_hold(self) -> None:
        """The call that it belongs to has its outcome: it is over when neither side holds anything."""
        self._held = False
        self.changed()

    def break_off(self, reason: str) -> None:
        """End it before its time and tell the other side. Twice is once."""
        if self.machine.broken is None:
            for target in self.machine.break_off(reason):
                self._released(events.Released(target))
            self._broke(events.Broken(reason))
            self.changed()

    def on_broken(self, callback: Callable[[RpcError], object]) -> None:
        """Tell *callback* when the session breaks; at once if it has."""
        if self.machine.broken is not None:
            callback(self.error())
        else:
            self._on_broken.append(callback)

    def error(self) -> RpcError:
        """What using a stub of it raises, now that it is broken."""
        return StubBroken(f"The object behind the stub is gone: {self.machine.broken}", executed="maybe")

    def soon(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call *function* on the event loop, never at once. May be called from any thread, at any moment."""
        with suppress(RuntimeError):  # the loop was closed, and everything ended with it
            self.caller.loop.call_soon_threadsafe(function, *arguments)

    def changed(self) -> None:
        """Send what is to be sent at the end of this tick, and see whether the session is over."""
        if not self._flushing:
            self._flushing = True
            commands = self.caller.commands
            # In two steps: what refers to something in a reply must not come before it, and replies leave then too.
            commands.at_tick_end(lambda: commands.at_tick_end(self._flush))

    def _flush(self) -> None:
        self._flushing = False
        if self.channel is not None:
            try:
                self._send(self.channel)
            except Exception as error:
                _log.exception("a session with %s breaks", self.service)
                self.break_off(f"A message could not be sent: {type(error).__name__}")
        if not self._over and (self.machine.broken is not None or (not self._held and self.machine.over)):
            self._over = True
            self.ended()

    def _send(self, channel: Channel) -> None:
        self.asking.seal()
        for number, messages in self.machine.take():
            channel.send(number, messages)

    def _unanswerable(self, event: events.Unanswerable) -> None:
        self.answer(event.number, refused(StubDisposed("RPC stub used after being disposed.")))

    def _released(self, event: events.Released) -> None:
        if isinstance(event.target, Exported):
            event.target.let_go()
        elif isinstance(event.target, AbortSignal):
            self.producing.released(event.target)

    def _broke(self, event: events.Broken) -> None:
        error = self.error()
        self.asking.fail(error)
        self.consuming.break_off(event.reason)
        self._answering.cancel_all()
        self.producing.stop_all()
        callbacks, self._on_broken = self._on_broken, []
        for callback in callbacks:
            try:
                callback(error)
            except Exception:
                _log.exception("a callback given to on_broken() failed")

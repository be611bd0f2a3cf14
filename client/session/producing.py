"""The streams and signals of this side of a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from broker.codec import encode_plain
from broker.session import Credited, Stopped
from client.session.sending import Sending
from client.session.signals import AbortSignal
from client.session.streams import Production

if TYPE_CHECKING:
    from client.session.live import LiveSession

_log: Final = logging.getLogger("callyard.session")


class Producing:
    """What this side of *session* goes on to tell of what it has sent."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._productions: dict[int, tuple[Production, asyncio.Task[None]]] = {}
        self._watchers: dict[int, tuple[AbortSignal, Callable[[str], None]]] = {}

    def begin(self, numbers: Iterable[int]) -> None:
        """Begin the streams among the references that have just left."""
        machine = self._session.machine
        for number in numbers:
            if number in machine.outflows and number not in self._productions:
                production = Production(self, number, machine.exports[number].target)
                task = asyncio.get_running_loop().create_task(production.run(), context=self._session.context.copy())
                self._productions[number] = production, task
                task.add_done_callback(lambda done, number=number: self._produced(number, done))
        self._session.changed()

    def may_send(self, stream: int) -> bool | None:
        """Whether there is room for another chunk; None where nobody reads any more."""
        outflow = self._session.machine.outflows.get(stream)
        return None if outflow is None else outflow.open

    def send(self, stream: int, item: Any) -> None:
        """Send a chunk of a stream that has room.

        Raises:
            DataCloneError: it cannot travel.
        """
        session = self._session
        body = encode_plain(item, limit=session.limit)
        sending = None
        if body is None:
            sending = Sending(session.caller, session.service, session, transfer=True)
            body = sending.encode(item, limit=session.limit)
        if stream in session.machine.outflows:
            session.machine.send_chunk(stream, body)
            session.changed()
            if sending is not None:
                sending.left()
        elif sending is not None:
            sending.undo()

    def finish(self, stream: int, failure: bytes | None) -> None:
        """End a stream."""
        self._session.machine.finish(stream, failure)
        self._session.changed()

    def credited(self, event: Credited) -> None:
        """The reader of a stream has taken something."""
        if event.stream in self._productions:
            self._productions[event.stream][0].credit()

    def stopped(self, event: Stopped) -> None:
        """The reader of a stream wants no more."""
        if event.stream in self._productions:
            production, task = self._productions[event.stream]
            production.stop(task)

    def follow(self, number: int, signal: AbortSignal) -> None:
        """Pass a signal on when it is given."""

        def fire(reason: str) -> None:
            self._watchers.pop(number, None)
            self._session.machine.fire(number, reason)
            self._session.changed()

        self._watchers[number] = signal, fire
        signal.watch(fire)

    def released(self, signal: AbortSignal) -> None:
        """Nobody there follows *signal* any more under one of its numbers."""
        exports = self._session.machine.exports
        for number, (watched, watcher) in list(self._watchers.items()):
            if watched is signal and number not in exports:
                del self._watchers[number]
                signal.unwatch(watcher)

    def stop_all(self) -> None:
        """Nobody reads any more."""
        for production, task in list(self._productions.values()):
            production.stop(task)

    def _produced(self, number: int, task: asyncio.Task[None]) -> None:
        self._productions.pop(number, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("closing a stream failed", exc_info=error)
            self.finish(number, None)

"""The streams and signals of the other side of a session."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from broker.codec import decode
from broker.errors import ProtocolError
from broker.session import Chunk, Finished, Fired
from client.session.receiving import Receiving
from client.session.signals import CONNECTION_LOST, AbortSignal
from client.session.streams import RemoteStream, failure_in

if TYPE_CHECKING:
    from client.session.live import LiveSession


class Consuming:
    """What the other side of *session* goes on to tell. Who listens is found only while somebody has it."""

    def __init__(self, session: LiveSession) -> None:
        self._session = session
        self._streams: dict[int, weakref.ref[RemoteStream]] = {}
        self._signals: dict[int, weakref.ref[AbortSignal]] = {}

    def stream(self, number: int) -> RemoteStream:
        """A stream that was just adopted."""
        stream = RemoteStream(self, number)
        self._streams[number] = weakref.ref(stream)
        return stream

    def signal(self, number: int) -> AbortSignal:
        """A signal that was just adopted."""
        signal = AbortSignal()
        self._signals[number] = weakref.ref(signal)
        session = self._session
        weakref.finalize(signal, session.soon, session.release, number).atexit = False
        return signal

    def arrived(self, event: Chunk) -> None:
        """The next chunk of a stream. It is read now: what it refers to may be released by what comes next.

        Raises:
            ProtocolError: it cannot be read.
        """
        receiving = Receiving(self._session.caller, self._session)
        value = receiving.whole(receiving.decode(event.body, self._session.limit))
        stream = self._stream(event.stream)
        if stream is not None:
            stream.arrive(value)

    def finished(self, event: Finished) -> None:
        """The end of a stream."""
        stream = self._stream(event.stream)
        self._streams.pop(event.stream, None)
        if stream is not None:
            stream.end(None if event.failure is None else self._failure(event.failure))

    def fired(self, event: Fired) -> None:
        """A signal was given."""
        known = self._signals.pop(event.signal, None)
        signal = None if known is None else known()
        if signal is not None:
            signal.give(event.reason)

    def check_loop(self) -> None:
        """Check that this is the event loop of the caller.

        Raises:
            RuntimeError: it is another one.
        """
        self._session.caller.check_loop()

    def taken(self, number: int) -> None:
        """A chunk was read: its producer may go on."""
        self._session.machine.take_chunk(number)
        self._session.changed()

    def stop(self, number: int) -> None:
        """Want no more of a stream. May be called from any thread, at any moment."""
        self._session.soon(self._stop, number)

    def break_off(self, reason: str) -> None:
        """All of them are gone."""
        for number in list(self._streams):
            stream = self._stream(number)
            if stream is not None:
                stream.break_off(reason)
        for number in list(self._signals):
            self.fired(Fired(number, CONNECTION_LOST))

    def _failure(self, body: bytes) -> Exception:
        try:
            return failure_in(decode(body, limit=self._session.limit))
        except Exception as error:
            return ProtocolError(f"The stream failed, and why cannot be read: {error!s:.200}", executed="yes")

    def _stop(self, number: int) -> None:
        self._streams.pop(number, None)
        self._session.machine.stop(number)
        self._session.changed()

    def _stream(self, number: int) -> RemoteStream | None:
        known = self._streams.get(number)
        return None if known is None else known()

"""The two ways between the ends of a session: into the worker's inbox, and into the caller's reply channel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from broker.codec import pack
from broker.envelope import SESSION, VERSION, Reply, pack_reply
from broker.errors import RpcError
from broker.link import ReplyError

if TYPE_CHECKING:
    from client.session.live import LiveSession

RETRY_SECONDS: Final = 0.25
MISSING_SECONDS: Final = 3.0
"""How long the stream of the other side may be missing: after an outage its owner makes it anew."""

MOST_REFUSALS: Final = 30
"""How often Redis may refuse to take the end of a session, as one without memory does: two minutes in all."""
MOST_ABSENCES: Final = 12
"""How often the stream may be missing that is to take the end of a session; its owner looks every five seconds."""


class StreamChannel:
    """Appends the batches of one session to a stream of the other side, which only its owner makes."""

    def __init__(self, session: LiveSession, stream: str) -> None:
        self._session = session
        self._link = session.caller.commands
        self._stream = stream
        self._missing: list[bytes] = []
        self._missing_since = 0.0
        self._refusals = 0

    def send(self, number: int, messages: list[Any]) -> None:
        """Send one batch; sent again if the connection breaks, and while the stream is missing. Never blocks."""
        value = self._packed(number, messages)
        if self._missing:
            # Not before those that come before it.
            self._missing.append(value)
        else:
            self._append(value)

    def _packed(self, number: int, messages: list[Any]) -> bytes:
        raise NotImplementedError

    def _append(self, value: bytes) -> None:
        sent = self._link.send("XADD", self._stream, "NOMKSTREAM", "*", "m", value)
        sent.add_done_callback(lambda done: self._sent(value, done))

    def _sent(self, value: bytes, done: asyncio.Future[Any]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if self._session.machine.broken is not None:
            if isinstance(error, ReplyError):
                self._insist(value, MOST_REFUSALS)
            elif error is None and done.result() is None:
                self._insist(value, MOST_ABSENCES)
        elif isinstance(error, RpcError):
            self._session.break_off(f"Redis refused a message: {error}")
        elif error is None and done.result() is None:
            self._retry(value)
        elif error is None and not self._missing:
            self._missing_since = 0.0

    def _insist(self, value: bytes, most: int) -> None:
        """Say again that the session broke: who never hears of it would hold its objects for as long as it lives."""
        if self._refusals < most:
            self._refusals += 1
            asyncio.get_running_loop().call_later(RETRY_SECONDS * self._refusals, self._append, value)

    def _retry(self, value: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._missing_since = self._missing_since or loop.time()
        if loop.time() - self._missing_since > MISSING_SECONDS:
            self._session.break_off("The process at the other end is gone.")
            return
        if not self._missing:
            loop.call_later(RETRY_SECONDS, self._again)
        self._missing.append(value)

    def _again(self) -> None:
        missing, self._missing = self._missing, []
        for value in missing:
            self._append(value)


class InboxChannel(StreamChannel):
    """To the worker that holds the objects."""

    def __init__(self, session: LiveSession, sequence: int, inbox: str) -> None:
        keys = session.caller.keys(session.service)
        super().__init__(session, keys.inbox(inbox))
        self.inbox: Final = inbox
        self.alive: Final = keys.alive(inbox)
        """What the worker is subscribed to while it lives."""
        self._sequence = sequence

    def _packed(self, number: int, messages: list[Any]) -> bytes:
        return pack([VERSION, self._session.caller.id, self._sequence, number, messages])


class ReplyChannel(StreamChannel):
    """To the caller that holds objects of this worker."""

    def __init__(self, session: LiveSession, sequence: int, stream: str) -> None:
        super().__init__(session, stream)
        self.stream: Final = stream
        self._sequence = sequence

    def _packed(self, number: int, messages: list[Any]) -> bytes:
        return packed_for_caller(self._sequence, self._session.caller.id, number, messages)


def packed_for_caller(sequence: int, inbox: str, number: int, messages: list[Any]) -> bytes:
    """One batch as it stands in a reply channel."""
    return pack_reply(Reply(sequence, SESSION, pack([inbox, number, messages])))

"""What is held across processes because of calls: the sessions of this one, made when something first refers to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from broker.envelope import Reply

if TYPE_CHECKING:
    from client.calling.caller import Caller
    from client.calling.open_call import OpenCall
    from client.session.sessions import Sessions


class HeldObjects:
    """Asks the sessions of *caller*, where there are any. Most programs never load what they need."""

    def __init__(self, caller: Caller) -> None:
        self.inboxes: Final[dict[str, str]] = {}
        """The services whose callers write to an inbox of this process, by inbox."""
        self._caller = caller
        self._sessions: Sessions | None = None

    @property
    def sessions(self) -> Sessions:
        """The sessions of this process, for what travels by reference."""
        if self._sessions is None:
            from client.session.sessions import Sessions

            self._sessions = Sessions(self._caller)
        return self._sessions

    def heard(self, service: str, reply: Reply, call: OpenCall | None) -> None:
        """Take in a batch that came through the reply channel of *service*, of *call* if that is still open.

        Raises:
            ProtocolError: it is malformed.
        """
        self.sessions.heard(service, reply, call)

    def heard_inbox(self, inbox: str, entry: bytes) -> None:
        """Take in a batch that came through *inbox*.

        Raises:
            ProtocolError: it is malformed.
        """
        self.sessions.heard_inbox(self.inboxes[inbox], entry)

    def holders(self) -> set[str]:
        """The reply channels of the callers that hold objects of this process."""
        return set() if self._sessions is None else self._sessions.callers()

    def holder_gone(self, channel: str) -> None:
        """The caller with this reply channel is gone: let go what it held."""
        if self._sessions is not None:
            self._sessions.caller_gone(channel)

    async def wait_unheld(self) -> None:
        """Wait until nobody holds an object of this process. Safe to cancel."""
        if self._sessions is not None:
            await self._sessions.wait_served()

    def verify(self) -> None:
        """Redis was away: let the other sides find out whether messages were lost."""
        if self._sessions is not None:
            self._sessions.verify()

    def close(self) -> None:
        """End all sessions; what is to be told of that leaves with this tick."""
        if self._sessions is not None:
            self._sessions.close("The process that held it has ended.")

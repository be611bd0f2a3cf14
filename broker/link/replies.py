"""What Redis's error replies mean for the command that got one."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from broker.errors import RpcError

REPAIR: Final = frozenset(
    {"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS", "MISCONF", "BUSY", "UNKILLABLE"}
)
"""First words that say: not now, or not here. Nothing was executed, and the same command may work later."""

AUTHENTICATION: Final = frozenset({"WRONGPASS", "NOAUTH", "NOPERM", "DENIED"})
"""First words that say: not with these credentials."""


class ReplyError(RpcError):
    """Raised when Redis answers a command with an error; `code` is its first word."""

    def __init__(self, message: str) -> None:
        super().__init__(message, executed="no")
        self.code = message.partition(" ")[0]


def unheard(sent: asyncio.Future[Any]) -> None:
    """Let *sent* fail unnoticed: it is repeated in time, or not needed any longer."""
    sent.add_done_callback(lambda done: done.cancelled() or done.exception())

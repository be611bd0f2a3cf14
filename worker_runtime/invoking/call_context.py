"""The `ctx` of a call that came through Redis."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

from broker.names import call_id
from client.calling.deadline import RedisClock
from worker_runtime.context import Context
from worker_runtime.groups.delivery import Work


class CallContext(Context):
    """A context whose rarely wanted parts are worked out when somebody asks."""

    __slots__ = ("_clock", "_work", "expires")

    def __init__(self, work: Work, loop: asyncio.AbstractEventLoop, clock: RedisClock, expires: float) -> None:
        delivery = work.delivery
        Context.__init__(self, "", loop, None, delivery.delivery_count, exports=delivery.source.serving.exports)
        self._work = work
        self._clock = clock
        self.expires = expires
        """Seconds of the event loop's clock."""

    @property
    def call_id(self) -> str:
        """The ID of the call, the same as at its caller."""
        call = self._work.call
        return call_id(call.caller, call.sequence, self._work.delivery.source.keys.service)

    @property
    def deadline(self) -> datetime:
        """The moment (aware) after which nobody waits for the answer any more."""
        if self._clock.offset_ms:
            # Redis's clock shows time since the epoch; nothing depends on this process's own.
            moment = self._clock.at(self.expires) / 1000
        else:
            moment = time.time() + self.expires - self._loop.time()
        return datetime.fromtimestamp(moment, UTC)

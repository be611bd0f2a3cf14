"""The idempotent producer: the calls of one process to one entrypoint, in batches, each taken once.

All calls that one tick of the event loop makes leave in one run of the *enqueue* script. Each
batch names the sequence number sent before it; when Redis has not seen that one, it says from
where to begin again, and every open call above is sent once more. That one rule covers a
connection lost between two batches, a script that was unknown to the server, and a Redis that
came back without its newest writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from broker.errors import Overloaded, RpcError, ServiceUnavailable
from broker.link import Link, ReplyError, Script
from broker.registry import Offer, read_offers

if TYPE_CHECKING:
    from broker.keys import ServiceKeys
    from client.calling.open_call import OpenCall

ENQUEUE: Final = Script("enqueue")

REMEMBERED_MS: Final = 3_600_000
"""How long Redis remembers the last sequence number of a producer that sends nothing."""

GONE_SECONDS: Final = 5.0
"""How long a stream that Redis lost may be missing until its service counts as unavailable."""
PAUSE_SECONDS: Final = 0.1

LARGEST_BATCH: Final = 250
"""Most calls in one run of the script, well below Lua's limit on values and Redis's patience."""

_TAKEN, _UNKNOWN, _OVERLOADED, _NOT_OFFERED, _AGAIN = range(5)


class Producer:
    """Sends the calls of one caller to one entrypoint's stream.

    *refused* is told of each call that Redis did not take, *accepted* of each one-way call that it did;
    *forgotten* is called before calls are sent again that Redis does not know (any longer).
    """

    def __init__(
        self,
        link: Link,
        keys: ServiceKeys,
        entrypoint: str,
        caller: str,
        *,
        accepted: Callable[[OpenCall], None],
        refused: Callable[[OpenCall, RpcError], None],
        forgotten: Callable[[], None] = lambda: None,
    ) -> None:
        self.service = keys.service
        self.entrypoint = entrypoint
        self.channel = keys.reply(caller)
        """Where the replies to this caller come."""
        self.open: dict[int, OpenCall] = {}
        self._keys = (keys.calls(entrypoint), keys.producer(caller, entrypoint), keys.meta)
        self._service_keys = keys
        self._link = link
        self._accepted = accepted
        self._refused = refused
        self._forgotten = forgotten
        self._unsent: list[OpenCall] = []
        self.batch = 0
        """Number of the batch that the next call leaves with."""
        self._sent = 0
        self._last_sent_at = 0.0
        self._again: int = 0
        self._served = False
        self._gone_since: float | None = None
        self._paused = False

    def add(self, call: OpenCall) -> None:
        """Send *call* with the others of this tick. It stays in `open` until `forget`."""
        self.open[call.sequence] = call
        call.batch = self.batch
        if not self._unsent:
            self._link.at_tick_end(self._flush)
        self._unsent.append(call)

    def forget(self, sequence: int) -> None:
        """Drop a call that has its outcome: it will not be sent again."""
        self.open.pop(sequence, None)

    def verify(self) -> None:
        """Ask Redis whether it still knows what was sent, and send again what it forgot.

        Called when a connection is back: a crash of Redis shows as a number too low.
        """
        if self.open:
            self._send([])

    def _flush(self) -> None:
        if self._paused:
            return
        calls, self._unsent = self._unsent, []
        self.batch += 1
        open_calls = self.open
        # A call cancelled in the tick that made it needs no entry; its number is simply skipped.
        leaving = [call for call in calls if call.sequence in open_calls]
        for call in leaving:
            if call.program is not None:
                call.seal()
        self._send_all(leaving)

    def _send_all(self, calls: list[OpenCall]) -> None:
        for start in range(0, len(calls), LARGEST_BATCH):
            self._send(calls[start : start + LARGEST_BATCH])

    def _send(self, calls: list[OpenCall]) -> None:
        now = asyncio.get_running_loop().time()
        if (now - self._last_sent_at) * 1000 > REMEMBERED_MS / 2:
            # Redis may have let the number lapse; with nothing sent lately nothing can be doubled.
            self._sent = 0
        self._last_sent_at = now
        arguments: list[str | int | bytes] = [self.entrypoint, REMEMBERED_MS, self._sent]
        for call in calls:
            arguments += (call.sequence, call.entry)
        if calls:
            self._sent = calls[-1].sequence
        epoch = self._again
        ENQUEUE.run(self._link, self._keys, arguments).add_done_callback(
            lambda done: self._answered(epoch, calls, done)
        )

    def _answered(self, epoch: int, calls: list[OpenCall], done: asyncio.Future[list[int]]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if isinstance(error, ReplyError) and error.code == "OOM":
            self._refuse(calls, self._overloaded("Redis has no memory left (maxmemory)"))
        elif isinstance(error, RpcError):
            self._refuse(calls, error)
        elif error is None:
            outcome, number = done.result()
            if outcome == _AGAIN:
                self._begin_again(epoch, number)
            else:
                self._settle(calls, outcome, number)

    def _settle(self, calls: list[OpenCall], outcome: int, number: int) -> None:
        if outcome == _UNKNOWN and self._wait_for_workers(number):
            return
        if outcome == _TAKEN:
            self._served, self._gone_since = True, None
        taken = calls if outcome == _TAKEN else [call for call in calls if call.sequence <= number]
        for call in taken:
            call.accepted = True
            if call.oneway:
                self._accepted(call)
        if outcome == _TAKEN:
            return
        refused = [call for call in calls if call.sequence > number]
        if not refused:
            return
        # What was refused does not count as sent, or the next batch would wait for it.
        self._sent = min(self._sent, number)
        if outcome == _OVERLOADED:
            for call in refused:
                self._refused(call, self._overloaded())
        else:
            self._refuse_unavailable(refused)

    def _refuse_unavailable(self, calls: list[OpenCall]) -> None:
        """Refuse *calls* with what their service offers instead, as soon as that is known."""
        reading = asyncio.ensure_future(read_offers(self._link, self._service_keys))

        def answer(done: asyncio.Future[dict[str, Offer]]) -> None:
            offered = [] if done.cancelled() or done.exception() else sorted(done.result())
            for call in calls:
                error = self._unavailable(offered)
                if call.accepted:
                    # Redis had it once, and a worker may have run it.
                    error.executed = "maybe"
                self._refused(call, error)

        reading.add_done_callback(answer)

    def _begin_again(self, epoch: int, number: int) -> None:
        if epoch != self._again:
            # A batch sent before the last new beginning: its calls have been sent again already.
            return
        self._again += 1
        self._forgotten()
        self._sent = number
        forgotten = sorted(sequence for sequence in self.open if sequence > number)
        unsent = {call.sequence for call in self._unsent}
        calls = [self.open[sequence] for sequence in forgotten if sequence not in unsent]
        for call in calls:
            if call.accepted:
                # It may have run before Redis forgot it: a method that must not run twice wants to know.
                call.mark_again()
        self._send_all(calls)

    def _wait_for_workers(self, number: int) -> bool:
        """Whether to wait for a stream that was there before: Redis lost it, and live workers make it anew."""
        loop = asyncio.get_running_loop()
        if self._gone_since is None:
            self._gone_since = loop.time()
        if not self._served or loop.time() - self._gone_since > GONE_SECONDS:
            self._served = False
            return False
        if not self._paused:
            self._paused = True
            loop.call_later(PAUSE_SECONDS, self._resume, number)
        return True

    def _resume(self, number: int) -> None:
        self._paused = False
        self.batch += 1
        for call in self._unsent:
            call.seal()
        self._unsent = []
        self._begin_again(self._again, number)

    def _refuse(self, calls: Iterable[OpenCall], error: RpcError) -> None:
        for call in calls:
            self._refused(call, error)

    def _overloaded(self, why: str = "it has as many calls waiting as it takes") -> RpcError:
        return Overloaded(f"{self.service}#{self.entrypoint}: {why}. Try again later.", retry_after=1.0)

    def _unavailable(self, offered: list[str]) -> RpcError:
        if offered:
            return ServiceUnavailable(
                f"No live worker of {self.service!r} offers the entrypoint {self.entrypoint!r}; "
                f"it has: {', '.join(offered)}."
            )
        return ServiceUnavailable(
            f"No worker ever served {self.service}#{self.entrypoint}. "
            "Start one: python -m worker_runtime CONFIG, on the same Redis and prefix."
        )

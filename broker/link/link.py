"""A connection to Redis that is repaired behind the back of those who use it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

from broker.errors import AuthenticationFailed, BrokerUnavailable, LinkLost, RpcError
from broker.link.address import Address
from broker.link.opening import establish, greet, silence_of, unreachable
from broker.link.wire import Argument, Reading, Waiting, Wire, pack_command

CONNECT_TIMEOUT = 5.0
FASTEST_RETRY = 0.05
SLOWEST_RETRY = 2.0

_log = logging.getLogger(__name__)


class Link:
    """Pipelined commands over one connection.

    All commands of one tick of the event loop leave in one write, and their replies resolve in
    order. Cancelling whoever waits for a reply drops that reply and never touches the connection.

    With `resend` a command without a reply survives the loss of its connection: it is sent again,
    in order, once there is a new one. Only commands that may be executed twice belong on such a
    link. Without it they fail with `LinkLost`.

    Hooks in `on_open` run after each connect, before anything that waited is sent; `on_push` gets
    what Redis sends unasked, which are the messages of the channels that a hook subscribed to.

    `silence` is how many seconds a command may wait without a byte from Redis before the
    connection is taken for dead; None for never.
    """

    def __init__(self, address: Address, *, name: str, resend: bool, silence: float | None = 15.0) -> None:
        self.address = address
        self.name = name
        self.on_open: list[Callable[[], Awaitable[None]]] = []
        self.on_push: Callable[[Any], None] | None = None
        self.scripts: set[str] = set()
        """Digests of the scripts that this connection has sent the text of."""
        self._loop = asyncio.get_running_loop()
        self._resend = resend
        self._silence = silence
        self._wire: Wire | None = None
        self._queued: list[Waiting] = []
        self._last_words: list[Callable[[], None]] = []
        self._flushing = False
        self._closed = False
        self._setbacks = 0
        self._lost_at: float | None = None
        self.outage = 0.0
        """Seconds that the connection was gone when a hook in `on_open` runs; 0 at the first."""
        self._open = asyncio.Event()
        self._repairing: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    @property
    def connected(self) -> bool:
        """Whether commands sent now reach Redis without waiting for a repair."""
        return self._open.is_set()

    async def open(self, timeout: float) -> None:
        """Connect; when it returns, commands are being answered.

        Keeps trying for *timeout* seconds, but not with credentials that Redis refuses. If
        cancelled, the link is closed.

        Raises:
            AuthenticationFailed: Redis does not take the user or the password.
            BrokerUnavailable: nothing answered in time; the message says where and why.
        """
        give_up = self._loop.time() + timeout
        delay = FASTEST_RETRY
        while True:
            try:
                await self._connect(min(CONNECT_TIMEOUT, give_up - self._loop.time()))
                return
            except AuthenticationFailed:
                raise
            except BrokerUnavailable:
                if self._closed or self._loop.time() + delay > give_up:
                    raise
            await asyncio.sleep(delay)
            delay = min(delay * 2, SLOWEST_RETRY)

    async def wait_open(self) -> None:
        """Wait until the link is connected. Safe to cancel."""
        await self._open.wait()

    def send(self, *arguments: Argument) -> asyncio.Future[Any]:
        """Send one command; the future gets its reply (RESP2, bulk strings as bytes).

        Returns at once. While the connection is being repaired the command queues up (`resend`)
        or fails. Cancelling the future drops the reply; the command may still be executed.

        Raises (from the future):
            ReplyError: Redis answered with an error.
            LinkLost: the connection broke and the link does not resend.
            BrokerUnavailable: the link was closed.
        """
        command = Waiting(pack_command(arguments), self._loop.create_future())
        self.queue(command)
        return command.future

    def read(self, take: Callable[[Any], Any], *arguments: Argument) -> asyncio.Future[Any]:
        """As `send`, but *take* gets the reply as it comes; the future gets what it returns or raises."""
        command = Reading(pack_command(arguments), self._loop.create_future(), take)
        self.queue(command)
        return command.future

    def queue(self, command: Waiting) -> None:
        """Send *command* with the others of this tick, as `send` does."""
        if self._closed or not (self._resend or self._open.is_set()):
            command.future.set_exception(unreachable(self.address, "not connected"))
            return
        self._queued.append(command)
        if not self._flushing and self._open.is_set():
            self._flushing = True
            self._loop.call_soon(self.flush)

    def at_tick_end(self, add: Callable[[], None]) -> None:
        """Call *add* at the end of this tick: what it sends leaves in the same write as everything else of the tick."""
        self._last_words.append(add)
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Send what has queued up in this tick now; nothing happens where the link is being repaired."""
        while self._last_words:
            last_words, self._last_words = self._last_words, []
            for add in last_words:
                try:
                    add()
                except Exception:
                    # What one of them fails at must not hold back what everybody else has sent.
                    _log.exception("something was not sent")
        self._flushing = False
        if self._wire is None or not self._queued or not self._open.is_set():
            return
        commands, self._queued = self._queued, []
        if not self._wire.waiting:
            # The silence before the first command of a batch is nobody's fault.
            self._wire.heard = self._loop.time()
        self._wire.write(commands)

    def send_now(self, *arguments: Argument) -> asyncio.Future[Any]:
        """Send one command at once, before those that queue up; for hooks in `on_open`."""
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._wire is None:
            future.set_exception(unreachable(self.address, "not connected"))
        else:
            self._wire.write([Waiting(pack_command(arguments), future)])
        return future

    async def close(self) -> None:
        """Close for good: what was sent in this tick still leaves, what waits fails."""
        self._closed = True
        if self._open.is_set():
            self.flush()
        self._open.clear()
        if self._repairing is not None:
            self._repairing.cancel()
            await asyncio.wait([self._repairing])
        if self._watch is not None:
            self._watch.cancel()
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
            self._fail(list(wire.waiting))
            wire.waiting.clear()
        self._fail(self._queued)
        self._queued = []

    def reset(self) -> None:
        """Drop the connection, as a network would; the link repairs itself."""
        if self._wire is not None:
            self._wire.close()

    async def _connect(self, limit: float = CONNECT_TIMEOUT) -> None:
        wire: Wire | None = None
        try:
            async with asyncio.timeout(limit):
                wire = await establish(self.address, self._lost)
                wire.on_push = self.on_push
                await greet(wire, self.address, self.name)
                self._wire = wire
                self.scripts.clear()
                self.outage = self._loop.time() - self._lost_at if self._lost_at else 0.0
                for hook in self.on_open:
                    await hook()
            if self._closed or not wire.alive:
                # Lost between its last reply and now: nobody else would notice.
                raise LinkLost("lost while it was opened")
        except BaseException as error:
            self._wire = None
            if wire is not None:
                wire.close()
            if isinstance(error, (TimeoutError, LinkLost)):
                raise unreachable(self.address, silence_of(self.address, wire)) from error
            raise
        self._open.set()
        self._lost_at = None
        self.flush()
        self._listen_for_silence()

    def _lost(self, wire: Wire, error: Exception | None) -> None:
        unanswered = list(wire.waiting)
        wire.waiting.clear()
        if wire is not self._wire or self._closed or not self._open.is_set():
            # Not (yet, or any longer) the connection in use: a greeting or hook that waits must not hang.
            self._fail(unanswered)
            return
        self._open.clear()
        self._wire = None
        if self._lost_at is None:
            self._lost_at = self._loop.time()
        self._count_setbacks(wire)
        if not self._setbacks:
            _log.warning("the connection to Redis at %s broke: %s", self.address.shown, wire.why or error or "closed")
        if self._resend:
            self._queued[:0] = [command for command in unanswered if not command.future.done()]
        else:
            self._fail(unanswered + self._queued, wire.why)
            self._queued = []
        self._repairing = self._loop.create_task(self._repair())

    async def _repair(self) -> None:
        attempt = self._setbacks
        while not self._closed:
            if attempt:
                # Full jitter: a fleet that lost the same server does not come back in step.
                slowest = min(FASTEST_RETRY * 2.0**attempt, SLOWEST_RETRY)
                await asyncio.sleep(random.uniform(FASTEST_RETRY / 5, slowest))  # noqa: S311 -- no secret
            try:
                await self._connect()
                return
            except RpcError as error:
                _log.debug("%s", error)
            except Exception:
                _log.exception("repairing the connection to Redis at %s", self.address.shown)
            attempt = min(attempt + 1, 10)

    def _count_setbacks(self, wire: Wire) -> None:
        """Count connections in a row that Redis answered with "not now", so that the next one waits longer."""
        if wire.why is None or wire.age > 2 * SLOWEST_RETRY:
            self._setbacks = 0
        if wire.why is not None:
            self._setbacks = min(self._setbacks + 1, 10)

    def _listen_for_silence(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self._closed and self._silence is not None:
            loop = self._loop
            wire = self._wire
            if wire is not None and wire.waiting and loop.time() - wire.heard > self._silence:
                wire.close()
            self._watch = loop.call_later(self._silence / 3, self._listen_for_silence)

    def _fail(self, commands: list[Waiting], why: str | None = None) -> None:
        reason = f": {why}" if why else ""
        for command in commands:
            if not command.future.done():
                lost = LinkLost(f"The connection to Redis at {self.address.shown} broke{reason}.")
                command.future.set_exception(lost)
                # Nobody may be waiting any longer, which is no reason for a complaint in the log.
                command.future.exception()

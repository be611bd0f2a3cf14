"""Idempotency keys: one run, and the same reply to everyone who asks again."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any, Final, NamedTuple, cast

from broker.codec import decode, encode
from broker.envelope import Outcome, Reply, pack_reply, unpack_reply
from broker.errors import CallTimeout, IdempotencyConflict, ProtocolError
from broker.link import Link, Script
from broker.outcomes import refused
from client.stubs.call_options import LONGEST_KEY
from worker_runtime.groups.delivery import Work
from worker_runtime.settling.settler import Store

ONCE: Final = Script("once")

FASTEST_LOOK: Final = 0.02
SLOWEST_LOOK: Final = 1.0
"""Seconds between two looks at a call that has the key and still runs."""

_MINE, _UNDER_WAY, _ENDED, _CONFLICT = range(4)


class Ticket(NamedTuple):
    """The right of one call to run under an idempotency key, and where its outcome goes."""

    key: str
    prefix: bytes
    window_ms: int

    def record(self, outcome: Outcome) -> Store:
        """What is stored when the call has ended."""
        reply = pack_reply(Reply(0, outcome.kind, outcome.body))
        return Store(self.key, self.prefix + reply, self.window_ms)


async def acquire(link: Link, work: Work, method: str, expires: float) -> Ticket | Outcome:
    """The right to run *work*, or the outcome of the call that had its key before.

    While that one still runs, waits for it until *expires* (seconds of the event loop's clock).
    Safe to cancel.

    Raises:
        RpcError: Redis refused it or is away.
    """
    delivery, call = work.delivery, work.call
    source = delivery.source
    key = call.options.get("key")
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        return refused(ProtocolError(f"An idempotency key is text of 1 to {LONGEST_KEY} characters.", executed="no"))
    record = source.keys.once(source.entrypoint, method, key)
    settings = source.serving.settings
    digest = digest_of(call.program[0].body, settings.max_message_bytes)
    window_ms = int(settings.idempotency_window * 1000)
    pause = FASTEST_LOOK
    while True:
        state, reply = await ONCE.run(link, [record, source.stream], [delivery.entry_id, digest, window_ms])
        if state == _MINE:
            return Ticket(record, b"%s %s " % (digest.encode(), delivery.entry_id), window_ms)
        if state == _ENDED:
            _, kind, body = unpack_reply(reply)
            return Outcome(kind, body)
        if state == _CONFLICT:
            message = f"The idempotency key of this call to {method} was used before with other arguments."
            return refused(IdempotencyConflict(message))
        if asyncio.get_running_loop().time() + pause > expires:
            return refused(CallTimeout(f"{method}: the first call with this key has not ended.", executed="maybe"))
        await asyncio.sleep(pause)
        pause = min(pause * 2, SLOWEST_LOOK)


def digest_of(body: bytes, limit: int) -> str:
    """Equal for equal arguments, in whatever order their sender's sets and dicts happened to be.

    Raises:
        RpcError: *body* cannot be read.
    """
    return hashlib.sha256(_canonical(decode(body, limit=limit) if body else None)).hexdigest()[:32]


def _canonical(value: Any) -> bytes:
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        return b"{%s}" % b",".join(sorted(_canonical(key) + b":" + _canonical(item) for key, item in items))
    if isinstance(value, set | frozenset):
        return b"<%s>" % b",".join(sorted(map(_canonical, cast("set[Any]", value))))
    if isinstance(value, list | tuple):
        return (b"[%s]" if isinstance(value, list) else b"(%s)") % b",".join(map(_canonical, cast("list[Any]", value)))
    packed = encode(value)
    return b"%d#%s" % (len(packed), packed)

"""How a delivery leaves this process: answered, dead-lettered, passed on or given back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from broker.codec import pack
from broker.envelope import RAISED, RETURNED, Outcome, Reply, pack_call, pack_reply
from broker.errors import CallAbandoned
from broker.keys import GROUP
from broker.link import Link, Script, unheard
from broker.outcomes import refused
from worker_runtime.groups.delivery import Delivery, Work
from worker_runtime.settling.once import Ticket
from worker_runtime.settling.settler import Settler, Store, append_stores

BOUNCE: Final = Script("bounce")
DEAD: Final = Script("dead")
RELEASE: Final = Script("release")

MOST_DEAD_LETTERS: Final = 10_000

_log = logging.getLogger("callyard.worker")


class Endings:
    """Every way is one fenced step in Redis, so that none of them can happen by halves or twice."""

    def __init__(self, link: Link, consumer: str, settler: Settler) -> None:
        self.observe: Callable[[Work, Outcome], None] | None = None
        """Told of each call that ended and how, before its caller is."""
        self._link = link
        self._consumer = consumer
        self._settler = settler

    def answer(self, work: Work, outcome: Outcome, *, ticket: Ticket | None = None, acknowledge: bool = True) -> None:
        """Send *outcome* to whoever wants it; without *acknowledge* the entry stays pending. Never blocks."""
        if self.observe is not None:
            self.observe(work, outcome)
        call = work.call
        reply = b"" if work.oneway else pack_reply(Reply(call.sequence, outcome.kind, outcome.body))
        if acknowledge and ticket is None and not (call.options and "keep" in call.options):
            self._settler.settle(work.delivery, work.channel, reply)
            return
        stores = self._stores(work, outcome, ticket)
        if not acknowledge:
            # Whoever takes this call over must know that its caller has been answered.
            limit = work.delivery.source.serving.settings.wait_until_limit
            stores.append(Store(work.tail_key, b"1", int(limit * 2000) + 60_000))
        self._settler.settle_with(work.delivery, work.channel, reply, stores, acknowledge=acknowledge)

    def finish(self, work: Work) -> None:
        """Acknowledge a call that was answered before, its background tasks having ended. Never blocks."""
        stores = [Store(work.tail_key, b"", 0)]
        self._settler.settle_with(work.delivery, work.channel, b"", stores, acknowledge=True)

    async def abandon(self, work: Work, ticket: Ticket | None = None) -> None:
        """Dead-letter a call that cost as many workers as it may.

        Raises:
            RpcError: Redis refused it or is away; the entry stays pending.
        """
        lost = work.delivery.delivery_count - 1
        detail = f"{lost} workers were lost while running it" if lost else "Redis forgot it once, and it may have run"
        error = CallAbandoned(f"The call was given up: {detail}.", executed="maybe")
        await self.bury(work.delivery, "abandoned", detail, work=work, outcome=refused(error), ticket=ticket)

    async def bury(
        self,
        delivery: Delivery,
        reason: str,
        detail: str,
        *,
        work: Work | None = None,
        outcome: Outcome | None = None,
        ticket: Ticket | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        """Dead-letter a delivery, with *outcome* for its caller where that is known.

        Raises:
            RpcError: Redis refused it or is away; the entry stays pending.
        """
        source = delivery.source
        letter = pack([
            1, reason, detail, source.entrypoint, delivery.entry_id, delivery.delivery_count, delivery.value,
            dict(extras or {}),
        ])  # fmt: skip
        keys = [source.stream, source.keys.dead, work.channel if work else source.keys.reply("nobody")]
        reply, stores = b"", list[Store]()
        if work is not None and outcome is not None:
            if self.observe is not None:
                self.observe(work, outcome)
            reply = b"" if work.oneway else pack_reply(Reply(work.call.sequence, outcome.kind, outcome.body))
            stores = [*self._stores(work, outcome, ticket), Store(work.tail_key, b"", 0)]
        arguments: list[str | int | bytes] = [
            GROUP, self._consumer, delivery.entry_id, delivery.delivery_count, letter, reply, MOST_DEAD_LETTERS,
        ]  # fmt: skip
        append_stores(stores, keys, arguments)
        _log.error("dead letter: %s#%s %s, %s", source.serving.service.name, source.entrypoint, reason, detail)
        await DEAD.run(self._link, keys, arguments)

    async def bounce(self, work: Work) -> None:
        """Put a call back at the end of its stream, one hop older.

        Raises:
            RpcError: Redis refused it or is away; the entry stays pending.
        """
        delivery, call = work.delivery, work.call
        hops = call.options.get("hops", 0) + 1
        entry = pack_call(call._replace(options={**call.options, "hops": hops}))
        arguments = [GROUP, self._consumer, delivery.entry_id, delivery.delivery_count, entry]
        await BOUNCE.run(self._link, [delivery.source.stream], arguments)

    def release(self, deliveries: Iterable[tuple[Delivery, bool]]) -> None:
        """Give back *deliveries*, each with whether its call had begun. Never blocks."""
        for delivery, begun in deliveries:
            source = delivery.source
            keys = [source.stream, source.keys.sweep(source.entrypoint)]
            arguments = [GROUP, self._consumer, delivery.entry_id, delivery.delivery_count, int(begun)]
            unheard(RELEASE.run(self._link, keys, arguments))

    def send(self) -> None:
        """Send the answers of this tick now instead of at its end."""
        self._link.flush()

    async def settled(self) -> None:
        """Wait until Redis has confirmed every answer so far. Safe to cancel."""
        await self._settler.settled()

    def _stores(self, work: Work, outcome: Outcome, ticket: Ticket | None) -> list[Store]:
        stores: list[Store] = []
        if work.kept_key is not None:
            kept = pack_reply(Reply(work.call.sequence, outcome.kind, outcome.body))
            stores.append(Store(work.kept_key, kept, work.kept_ms))
        if ticket is not None:
            # What did not come to its end does not count: the next call with the key runs.
            ended = outcome.kind in (RETURNED, RAISED)
            stores.append(ticket.record(outcome) if ended else Store(ticket.key, b"", 0))
        return stores

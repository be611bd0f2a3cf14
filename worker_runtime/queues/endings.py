"""How a message leaves this process: handled, tried again, dead-lettered or given back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Final

from broker.codec import pack
from broker.errors import RpcError
from broker.keys import GROUP, QueueKeys
from broker.link import Link, Script
from broker.message import pack_message
from worker_runtime.groups.delivery import Key
from worker_runtime.queues.held import HeldMessage
from worker_runtime.queues.queue import put
from worker_runtime.queues.verdicts import Fate, Outcome

SETTLE: Final = Script("queue_settle")
RELEASE: Final = Script("release")

MOST_DEAD_LETTERS: Final = 10_000
_NO_LIMIT: Final = 1 << 52

_log = logging.getLogger("callyard.worker")


class QueueEndings:
    """Every way is one fenced step in Redis. Only the way into another queue is two: first there, then away from here.

    What is between the two when a worker dies is sent there again, and taken once within a minute.
    """

    def __init__(self, link: Link, consumer: str, keys: QueueKeys, dead_letter_queue: str | None) -> None:
        self._link = link
        self._consumer = consumer
        self._keys = keys
        self._heir = None if dead_letter_queue is None else QueueKeys(keys.prefix, dead_letter_queue)

    async def settle(self, ended: Iterable[tuple[HeldMessage, Outcome]], *, abandoned: bool = False) -> list[bytes]:
        """Do with each message what has become of it; the entry IDs of those that are another worker's now.

        *abandoned* says that what is dead cost its workers, for whoever reads the dead letters. What the
        dead-letter queue refuses stays pending, and is sent there again after a lease.

        Raises:
            RpcError: Redis refused it; all stay pending.
        """
        arguments: list[str | int | bytes] = [GROUP, self._consumer, MOST_DEAD_LETTERS]
        for held, outcome in ended:
            try:
                arguments += [*held.key, *await self._parts(held, outcome, abandoned=abandoned)]
            except RpcError as error:
                _log.error("queue %s: message %s was left pending: %s", self._keys.queue, held.message.id, error)
        return await self._run(arguments)

    async def bury_unread(self, key: Key, value: bytes, why: str) -> None:
        """Dead-letter an entry that is no message.

        Raises:
            RpcError: Redis refused it; the entry stays pending.
        """
        letter = pack([1, "undecodable", why, "queue", key[0], key[1], value, dict[str, str]()])
        await self._run([GROUP, self._consumer, MOST_DEAD_LETTERS, *key, int(Fate.DEAD), letter, 0])

    async def release(self, messages: Sequence[tuple[HeldMessage, bool]]) -> None:
        """Give *messages* back, each with whether its delivery counts, so that any worker may have them at once.

        Raises:
            RpcError: Redis refused it; their leases end by themselves.
        """
        arguments: list[str | int | bytes] = [GROUP, self._consumer]
        for held, begun in messages:
            arguments += [*held.key, int(begun)]
        if messages:
            await RELEASE.run(self._link, [self._keys.messages, self._keys.sweep], arguments)

    async def _parts(self, held: HeldMessage, outcome: Outcome, *, abandoned: bool) -> tuple[int, bytes, int]:
        if outcome.fate is Fate.DONE:
            return int(Fate.DONE), b"", 0
        if outcome.fate is Fate.AGAIN:
            again = held.message._replace(failed=held.attempts)
            return int(Fate.AGAIN), pack_message(again), int(outcome.delay * 1000)
        return await self._dead(held, abandoned=abandoned)

    async def _dead(self, held: HeldMessage, *, abandoned: bool) -> tuple[int, bytes, int]:
        if abandoned:
            reason, tried = "abandoned", held.attempts - 1
            detail = f"it was tried {_times(tried)}, and the last time lost its worker"
        else:
            reason, tried = "failed", held.attempts
            detail = f"it was tried {_times(tried)}"
        if self._heir is None:
            _log.error("dead letter: queue %s, message %s: %s", self._keys.queue, held.message.id, detail)
            extras = {"message": held.message.id}
            return int(Fate.DEAD), pack([1, reason, detail, "queue", held.key[0], tried, held.value, extras]), 0
        where, heir = self._keys.queue, self._heir.queue
        _log.warning("queue %s, message %s: %s; it goes to the queue %s", where, held.message.id, detail, heir)
        # By its entry, not its ID: a message may come this way again.
        token = f"{self._keys.queue}:{held.key[0].decode()}"
        message = held.message._replace(failed=0)
        await put(self._link, self._heir, [(message, 0)], token=token, most=_NO_LIMIT)
        return int(Fate.DONE), b"", 0

    async def _run(self, arguments: Sequence[str | int | bytes]) -> list[bytes]:
        return await SETTLE.run(self._link, [self._keys.messages, self._keys.delayed, self._keys.dead], arguments)


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"

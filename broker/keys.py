"""Names of all keys in Redis. `docs/protocol.md` section 2 is the normative list.

The service (or the namespace, or the queue) stands in braces: it is the hash tag that keeps
everything one script touches in one slot of a Redis Cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUP: Final = "workers"
"""The consumer group of every call stream."""

FIELD: Final = "m"
"""The one field of every stream entry; its value is one msgpack value with a version number."""


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """The keys of one service under one prefix; every method is pure."""

    prefix: str
    service: str

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, "{" + self.service + "}", *parts))

    def calls(self, entrypoint: str) -> str:
        """Stream of the calls to one entrypoint."""
        return self._key("calls", entrypoint)

    def producer(self, caller: str, entrypoint: str) -> str:
        """Last sequence number that the entrypoint's stream took from this caller."""
        return self._key("producer", caller, entrypoint)

    def reply(self, caller: str) -> str:
        """Stream of the replies of this service to one caller process."""
        return self._key("reply", caller)

    def inbox(self, worker: str) -> str:
        """Stream of what callers want of the objects that they hold of one worker process."""
        return self._key("inbox", worker)

    def alive(self, worker: str) -> str:
        """Pub/sub channel of a worker process that nobody writes to: while the process lives, it is subscribed."""
        return self._key("alive", worker)

    def result(self, call: str) -> str:
        """Kept result of the call `CALLER.SEQUENCE`."""
        return self._key("result", call)

    def tail(self, call: str) -> str:
        """Marks the call `CALLER.SEQUENCE` as answered while its `waitUntil` tasks still run."""
        return self._key("tail", call)

    def once(self, entrypoint: str, method: str, key: str) -> str:
        """What became of the calls of one method that have this idempotency key."""
        return self._key("once", f"{entrypoint}.{method}", key)

    def sweep(self, entrypoint: str) -> str:
        """Marks that the fleet has just found nothing to take over in the entrypoint's stream."""
        return self._key("sweep", entrypoint)

    def worker(self, worker: str) -> str:
        """What a worker says of itself, for people and dashboards."""
        return self._key("worker", worker)

    @property
    def dead(self) -> str:
        """Stream of the dead letters."""
        return self._key("dead")

    @property
    def meta(self) -> str:
        """Hash of what live workers offer."""
        return self._key("meta")

    @property
    def versions(self) -> str:
        """Hash of the methods that live workers have, by version of their code."""
        return self._key("versions")

    @property
    def control(self) -> str:
        """Pub/sub channel of cancellations; nothing depends on them."""
        return self._key("control")


@dataclass(frozen=True, slots=True)
class NamespaceKeys:
    """The keys of one KV namespace under one prefix. No service can have its hash tag: it holds a colon."""

    prefix: str
    namespace: str

    def _key(self, part: str) -> str:
        return f"{self.prefix}:{{kv:{self.namespace}}}:{part}"

    @property
    def names(self) -> str:
        """Sorted set of the names, all of one score, so that Redis keeps them in the order of their bytes."""
        return self._key("names")

    @property
    def values(self) -> str:
        """Hash of the values by name."""
        return self._key("values")

    @property
    def metadata(self) -> str:
        """Hash of the metadata by name, for those that have any."""
        return self._key("metadata")

    @property
    def expires(self) -> str:
        """Sorted set of the names that expire, by the millisecond at which they do."""
        return self._key("expires")


@dataclass(frozen=True, slots=True)
class QueueKeys:
    """The keys of one queue under one prefix. No service can have its hash tag: it holds a colon."""

    prefix: str
    queue: str

    def _key(self, *parts: str) -> str:
        return ":".join((self.prefix, "{queue:" + self.queue + "}", *parts))

    @property
    def messages(self) -> str:
        """Stream of the messages that may be delivered."""
        return self._key("messages")

    @property
    def delayed(self) -> str:
        """Sorted set of the messages that may not be delivered yet, by the millisecond from which on they may."""
        return self._key("delayed")

    @property
    def dead(self) -> str:
        """Stream of the messages that failed too often, where no other queue takes those."""
        return self._key("dead")

    @property
    def sweep(self) -> str:
        """Marks that the fleet has just found nothing to take over."""
        return self._key("sweep")

    @property
    def places(self) -> str:
        """Hash of the consumers that share `max_concurrency`, each with how many batches it may handle."""
        return self._key("places")

    def sent(self, token: str) -> str:
        """Marks that a batch was taken, for the producer that has to send it again."""
        return self._key("sent", token)

"""One delivery of an entry to this worker, and the stream it came from."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from broker.envelope import Call
from broker.keys import ServiceKeys
from worker_runtime.serving import Serving

LONGEST_KEPT_MS: Final = 366 * 86_400_000
"""Milliseconds that an outcome is kept at most."""

Key = tuple[bytes, int]
"""The fence of a delivery as this process knows it: entry ID and delivery count."""


class Source(NamedTuple):
    """A call stream that this worker reads: which entrypoint of which service its entries are for."""

    serving: Serving
    entrypoint: str
    stream: str

    @property
    def keys(self) -> ServiceKeys:
        """The keys of the service."""
        return self.serving.keys


class Delivery(NamedTuple):
    """An entry that Redis handed to this worker. Entry ID and delivery count are its fence."""

    source: Source
    entry_id: bytes
    delivery_count: int
    value: bytes

    @property
    def key(self) -> Key:
        """What tells it from every other delivery to this process."""
        return self.entry_id, self.delivery_count


class Work(NamedTuple):
    """A delivery whose call could be read."""

    delivery: Delivery
    call: Call

    @property
    def channel(self) -> str:
        """The reply channel of the caller."""
        return self.delivery.source.keys.reply(self.call.caller)

    @property
    def oneway(self) -> bool:
        """Whether nobody waits for a reply."""
        return bool(self.call.options.get("oneway"))

    @property
    def kept_key(self) -> str | None:
        """Where the outcome is kept, if the caller asked for that."""
        return self.delivery.source.keys.result(self.call.id) if "keep" in self.call.options else None

    @property
    def kept_ms(self) -> int:
        """How long the outcome is kept."""
        keep: Any = self.call.options.get("keep", 0)
        return min(max(1, keep), LONGEST_KEPT_MS) if isinstance(keep, int) else 1

    @property
    def tail_key(self) -> str:
        """What marks the call as answered while its `waitUntil` tasks still run."""
        return self.delivery.source.keys.tail(self.call.id)


def value_of(fields: Any) -> bytes:
    """The one value of an entry; anything else is no call, and the empty value cannot be read as one."""
    return fields[1] if isinstance(fields, list) and len(fields) == 2 and fields[0] == b"m" else b""  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

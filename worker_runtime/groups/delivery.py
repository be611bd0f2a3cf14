"""One delivery of an entry to this worker, and the stream it came from."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from broker.envelope import Call
from broker.errors import ProtocolError
from worker_runtime.services.serving import Serving

LONGEST_KEPT_MS: Final = 366 * 86_400_000
"""Milliseconds that an outcome is kept at most."""

Key = tuple[bytes, int]
"""The fence of a delivery as this process knows it: entry ID and delivery count."""


MOST_CHANNELS: Final = 10_000
"""Callers whose reply channels are remembered by name."""

_CALLER: Final = re.compile(r"[a-z0-9]{8,64}")


class Source:
    """A call stream that this worker reads, and what every call of it needs.

    Attributes:
        serving: The service.
        entrypoint: The name of the entrypoint.
        stream: The key of the stream.
        keys: The keys of the service.
        cls: The class that a call makes an instance of.
        methods: What callers may reach of it, by name.
        limit: Bytes that a message may have.
    """

    __slots__ = ("_channels", "cls", "entrypoint", "keys", "limit", "methods", "serving", "stream")

    def __init__(self, serving: Serving, entrypoint: str) -> None:
        self.serving = serving
        self.entrypoint = entrypoint
        self.keys = serving.keys
        self.stream = serving.keys.calls(entrypoint)
        self.cls = serving.service.entrypoint(entrypoint)
        self.methods = serving.service.methods[entrypoint]
        self.limit = serving.settings.max_message_bytes
        self._channels: dict[str, str] = {}

    def channel(self, caller: str) -> str:
        """The reply channel of *caller*.

        Raises:
            ProtocolError: no caller has such a name.
        """
        channel = self._channels.get(caller)
        if channel is None:
            if not _CALLER.fullmatch(caller):
                raise ProtocolError("The entry is not a call: its caller has an impossible name.")
            if len(self._channels) >= MOST_CHANNELS:
                self._channels.clear()
            channel = self._channels[caller] = self.keys.reply(caller)
        return channel


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
    """A delivery whose call could be read.

    `channel` is the reply channel of the caller; `oneway` says that nobody waits for a reply.
    """

    delivery: Delivery
    call: Call
    channel: str
    oneway: bool

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

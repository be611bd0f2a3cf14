"""A message in this process's hands."""

from __future__ import annotations

import asyncio

from broker.message import Stored
from worker_runtime.groups.delivery import Key


class HeldMessage:
    """One delivery of a message: its fence, what stands in it, and what renewing its lease needs.

    Attributes:
        stream: The key of the stream.
        key: Its fence.
        value: The value of its entry.
        message: What stands in that.
        attempts: How often the message has been tried, this time included.
        claimed: When Redis last heard of it; seconds of the monotonic clock.
        held_until: Until when its lease is renewed.
        lost: Whether another worker has it now.
        settling: Whether its end is on its way to Redis: a lease that ends now ended well.
        task: What handles it, once it is being handled.
    """

    __slots__ = (
        "attempts", "claimed", "held_until", "key", "lost", "message", "settling", "stream", "task", "value",
    )  # fmt: skip

    def __init__(self, stream: str, key: Key, value: bytes, message: Stored, now: float) -> None:
        self.stream = stream
        self.key = key
        self.value = value
        self.message = message
        self.attempts = message.failed + key[1]
        self.claimed = now
        self.held_until = float("inf")
        self.lost = False
        self.settling = False
        self.task: asyncio.Task[None] | None = None

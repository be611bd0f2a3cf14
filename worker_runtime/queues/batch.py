"""A batch of messages as the handler `queue` sees it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from broker.message import Stored
from worker_runtime.env.platform_options import options_of
from worker_runtime.queues.sending import check_delay
from worker_runtime.queues.verdicts import Verdicts

_RETRY: Final = {"delaySeconds": None}


class Message:
    """One message. The first `ack` or `retry` of it counts.

    Attributes:
        id: The same at every attempt.
        timestamp: When it was sent, aware.
        body: What was sent.
        attempts: How often it has been tried, this time included.
    """

    __slots__ = ("_key", "_verdicts", "attempts", "body", "id", "timestamp")

    def __init__(self, stored: Stored, body: Any, attempts: int, key: bytes, verdicts: Verdicts) -> None:
        self.id = stored.id
        self.timestamp = datetime.fromtimestamp(stored.sent_at / 1000, UTC)
        self.body = body
        self.attempts = attempts
        # Not the ID: a message that was sent twice may be in one batch twice.
        self._key = key
        self._verdicts = verdicts

    def __repr__(self) -> str:
        return f"<message {self.id}, attempt {self.attempts}>"

    def ack(self) -> None:
        """Count the message as handled, whatever becomes of the rest of the batch."""
        self._verdicts.ack(self._key)

    def retry(self, options: object = None, /, **more: Any) -> None:
        """Have the message tried again, after `delaySeconds` or the `retry_delay` of the queue.

        Raises:
            TypeError, ValueError: the delay is impossible.
        """
        self._verdicts.retry(self._key, check_delay(options_of("retry", options, more, _RETRY)["delaySeconds"]))


class MessageBatch:
    """What the handler `queue` gets.

    When it returns and its `waitUntil` tasks have succeeded, every message of which nothing else was
    said counts as handled; otherwise those are tried again.

    Attributes:
        queue: The name of the queue.
        messages: The messages.
    """

    __slots__ = ("_verdicts", "messages", "queue")

    def __init__(self, queue: str, messages: Iterable[Message], verdicts: Verdicts) -> None:
        self.queue = queue
        self.messages = tuple(messages)
        self._verdicts = verdicts

    def __repr__(self) -> str:
        return f"<batch of {len(self.messages)} messages of {self.queue}>"

    def ack_all(self) -> None:
        """Count every message of which nothing else was said as handled, even if the handler fails."""
        self._verdicts.ack_all()

    def retry_all(self, options: object = None, /, **more: Any) -> None:
        """Have every message of which nothing else was said tried again, after `delaySeconds`.

        Raises:
            TypeError, ValueError: the delay is impossible.
        """
        self._verdicts.retry_all(check_delay(options_of("retryAll", options, more, _RETRY)["delaySeconds"]))

    ackAll = ack_all  # noqa: N815
    retryAll = retry_all  # noqa: N815

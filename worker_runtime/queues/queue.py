"""A queue as the code of a service puts messages into it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from broker.errors import Overloaded
from broker.keys import QueueKeys
from broker.link import Link, Script
from broker.message import Stored, pack_message
from worker_runtime.env.platform_options import options_of
from worker_runtime.queues.sending import as_request, check_batch, check_delay, encode_body

SEND: Final = Script("queue_send")

MARK_MS: Final = 60_000
"""How long a batch that is sent again after a broken connection is known to have been taken."""

_ONE: Final = {"contentType": None, "delaySeconds": None}
_MANY: Final = {"delaySeconds": None}
_ROW: Final = {"body": None, **_ONE}


class Queue:
    """`env.BINDING`: puts messages into a queue, which keeps them until a consumer has handled them.

    Options are keyword arguments or one dict, spelled `delaySeconds` or `delay_seconds`.
    """

    def __init__(
        self, link: Link, keys: QueueKeys, now_ms: Callable[[], int], delivery_delay: float, backlog: int
    ) -> None:
        self._link = link
        self._keys = keys
        self._now_ms = now_ms
        self._delay = delivery_delay
        self._backlog = backlog

    def __repr__(self) -> str:
        return f"<queue {self._keys.queue}>"

    async def send(self, body: Any, options: object = None, /, **more: Any) -> None:
        """Put one message into the queue; when this returns, Redis holds it.

        Options: `contentType` ("json" unless given, "text", "bytes", "v8" for every value that a call
        takes) and `delaySeconds`. If cancelled, the message may or may not have been taken.

        Raises:
            TypeError: the body does not fit its content type.
            ValueError: the body is too large, or the delay out of range.
            Overloaded: the queue is full (`backlog`); nothing was taken.
            RpcError: Redis refused it.
        """
        asked = options_of("send", options, more, _ONE)
        await self._send([(body, asked["contentType"], check_delay(asked["delaySeconds"]))])

    async def send_batch(self, messages: Iterable[Any], options: object = None, /, **more: Any) -> None:
        """Put messages into the queue, all of them or none; each is a dict with `body` and the options of `send`.

        `delaySeconds` of the batch holds for those that have none of their own.

        Raises:
            TypeError, ValueError, Overloaded, RpcError: as `send`; there may be 100 messages of 256 kB together.
        """
        delay = check_delay(options_of("sendBatch", options, more, _MANY)["delaySeconds"])
        rows = [options_of("sendBatch", as_request(row, index), {}, _ROW) for index, row in enumerate(messages)]
        asked = [(row["body"], row["contentType"], check_delay(row["delaySeconds"])) for row in rows]
        await self._send([(body, kind, delay if own is None else own) for body, kind, own in asked])

    sendBatch = send_batch  # noqa: N815

    async def _send(self, asked: Sequence[tuple[Any, Any, float | None]]) -> None:
        now = self._now_ms()
        messages = [
            (Stored(secrets.token_hex(16), now, 0, *encode_body(body, kind)), self._delay if delay is None else delay)
            for body, kind, delay in asked
        ]
        check_batch([message.body for message, _ in messages])
        token = messages[0][0].id
        taken, held = await put(self._link, self._keys, messages, token=token, most=self._backlog)
        if not taken:
            raise Overloaded(f"Queue {self._keys.queue} is overloaded: it holds {held} messages. Please back off.")


async def put(
    link: Link, keys: QueueKeys, messages: Iterable[tuple[Stored, float]], *, token: str, most: int
) -> tuple[bool, int]:
    """Put *messages*, each with its delay in seconds, into a queue that may hold *most*, once for each *token*.

    Whether they were taken, and how many the queue holds.

    Raises:
        RpcError: Redis refused it.
    """
    arguments: list[str | int | bytes] = [MARK_MS, most]
    for message, delay in messages:
        arguments += [pack_message(message), int(delay * 1000)]
    taken, held = await SEND.run(link, [keys.messages, keys.delayed, keys.sent(token)], arguments)
    return bool(taken), held

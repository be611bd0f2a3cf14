"""What may be sent to a queue, and bodies in each of the content types. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from broker.codec import decode, encode
from broker.errors import ProtocolError, RpcError
from broker.message import Stored

LARGEST_BODY: Final = 128_000
MOST_IN_BATCH: Final = 100
LARGEST_BATCH: Final = 256_000
LONGEST_DELAY: Final = 43_200
"""Seconds."""


def encode_body(body: object, content_type: object) -> tuple[str, bytes]:
    """The content type and the bytes of *body*; `None` means "json".

    Raises:
        TypeError: there is no such content type, or the body does not fit it.
        ValueError: the body is too large, or JSON cannot say it.
    """
    name = "json" if content_type is None else content_type
    if not isinstance(name, str) or name not in _ENCODERS:
        raise TypeError(f"Unsupported queue message content type: {name!r:.60}. There are {', '.join(_ENCODERS)}.")
    data = _ENCODERS[name](body)
    if len(data) > LARGEST_BODY:
        raise ValueError(f"message length of {len(data)} bytes exceeds limit of {LARGEST_BODY}")
    return name, data


def decode_body(message: Stored) -> Any:
    """The body of *message* as it was sent.

    Raises:
        ProtocolError: it cannot be read.
    """
    decoder = _DECODERS.get(message.content_type)
    if decoder is None:
        raise ProtocolError(f"The message has a content type of another version, {message.content_type!r:.60}.")
    try:
        return decoder(message.body)
    except RpcError:
        raise
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"The body of the message is not {message.content_type}: {error!s:.200}.") from error


def check_delay(seconds: object) -> float | None:
    """*seconds* as a delay; None where nothing was said.

    Raises:
        TypeError: it is no number.
        ValueError: it is out of range.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"delaySeconds must be a number, not {type(seconds).__name__}.")
    if not 0 <= seconds <= LONGEST_DELAY:
        raise ValueError(f"delaySeconds of {seconds} is out of range: it must be between 0 and {LONGEST_DELAY}.")
    return float(seconds)


def _json(body: object) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f'The message is not JSON: {error}. contentType="v8" takes every value that a call takes.'
        ) from error


def _text(body: object) -> bytes:
    if not isinstance(body, str):
        raise TypeError(f'Content Type "text" requires a value of type str, but received {type(body).__name__}.')
    return body.encode()


def _bytes(body: object) -> bytes:
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f'Content Type "bytes" requires a value of type bytes, but received {type(body).__name__}.')
    return bytes(cast("bytes", body))


def _v8(body: object) -> bytes:
    return encode(body)


_ENCODERS: Final = {"json": _json, "text": _text, "bytes": _bytes, "v8": _v8}
_DECODERS: Final[Mapping[str, Any]] = {"json": json.loads, "text": bytes.decode, "bytes": bytes, "v8": decode}


def check_batch(bodies: list[bytes]) -> None:
    """Refuse more than may be sent at once.

    Raises:
        TypeError: there is nothing.
        ValueError: there are too many, or they are too large together.
    """
    if not bodies:
        raise TypeError("sendBatch() requires at least one message.")
    if len(bodies) > MOST_IN_BATCH:
        raise ValueError(f"bulk message count of {len(bodies)} exceeds limit of {MOST_IN_BATCH}")
    if (total := sum(map(len, bodies))) > LARGEST_BATCH:
        raise ValueError(f"bulk message length of {total} bytes exceeds limit of {LARGEST_BATCH}")


def as_request(row: object, index: int) -> Mapping[str, Any]:
    """One item of a batch.

    Raises:
        TypeError: it is no mapping with a body.
    """
    if not isinstance(row, Mapping) or "body" not in row:
        raise TypeError(f'sendBatch(): message {index} should be a dict with "body", but got {row!r:.60}.')
    return cast("Mapping[str, Any]", row)

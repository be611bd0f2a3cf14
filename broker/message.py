"""A message of a queue as it stands in its stream. `docs/protocol.md` section 10 is normative."""

from __future__ import annotations

from typing import Final, NamedTuple

from broker.codec import pack, unpack
from broker.errors import ProtocolError

_VERSION: Final = 1
_NO_DATE: Final = 253_402_300_800_000
"""The end of the year 9999 in ms since the epoch."""


class Stored(NamedTuple):
    """What stands in the stream.

    `sent_at` is in ms of Redis's clock; `failed` counts the attempts before those of this entry.
    """

    id: str
    sent_at: int
    failed: int
    content_type: str
    body: bytes


def pack_message(message: Stored) -> bytes:
    """*message* as the value of an entry."""
    return pack([_VERSION, *message])


def unpack_message(value: bytes) -> Stored:
    """The message in the value of an entry.

    Raises:
        ProtocolError: it is none.
    """
    match unpack(value):
        case [1, str(message_id), int(sent_at), int(failed), str(content_type), bytes(body)] if (
            0 <= sent_at < _NO_DATE and failed >= 0
        ):
            return Stored(message_id, sent_at, failed, content_type, body)
        case _:
            raise ProtocolError("The entry is not a message of a known version.")

"""Dead letters: reading them, putting their calls back, throwing them away."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from broker.codec import HARD_LIMIT, decode, encode, unpack
from broker.envelope import Call, Step, pack_call, unpack_call
from broker.errors import ProtocolError, RpcError
from broker.keys import QueueKeys, ServiceKeys
from broker.link import Link, Script
from broker.message import pack_message, unpack_message

REPLAY: Final = Script("replay")

_PAGE: Final = 500
_NOT_REPLAYED: Final = frozenset({"again", "hops"})


@dataclass(frozen=True)
class Letter:
    """One dead letter; `call` is None where its entry cannot be read."""

    id: str
    reason: str
    detail: str
    entrypoint: str
    entry_id: str
    delivery_count: int
    entry: bytes = field(repr=False)
    extras: dict[str, Any]
    call: Call | None

    @property
    def at(self) -> datetime:
        """When it was written."""
        return datetime.fromtimestamp(int(self.id.partition("-")[0]) / 1000, UTC)

    @property
    def method(self) -> str:
        """The method that was called, as far as that can be read; of a message of a queue, its ID."""
        if self.call is None:
            return str(self.extras.get("message", "?"))
        return ".".join(self.call.program[0].path)

    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of the call.

        Raises:
            RpcError: they cannot be read.
        """
        if self.call is None:
            raise ProtocolError("The entry cannot be read.")
        body: Any = decode(self.call.program[0].body, limit=HARD_LIMIT) if self.call.program[0].body else [[], {}]
        return body[0], body[1]


async def read_letters(link: Link, keys: ServiceKeys | QueueKeys) -> list[Letter]:
    """All dead letters of a service or queue, oldest first.

    Raises:
        RpcError: Redis refused it or is away.
    """
    letters: list[Letter] = []
    start = "-"
    while True:
        page: list[Any] = await link.send("XRANGE", keys.dead, start, "+", "COUNT", _PAGE)
        letters += [_letter(entry_id.decode(), fields[1]) for entry_id, fields in page]
        if len(page) < _PAGE:
            return letters
        start = "(" + page[-1][0].decode()


def revived(letter: Letter, *, deadline: int, arguments: tuple[list[Any], dict[str, Any]] | None = None) -> Call:
    """The call of *letter* as a new one-way call, its caller being gone; *deadline* in ms of Redis's clock.

    Raises:
        RpcError: there is no call in it, or *arguments* cannot be sent.
    """
    call = letter.call
    if call is None:
        raise ProtocolError(f"{letter.id}: its entry cannot be read, so there is nothing to replay.")
    options = {name: value for name, value in call.options.items() if name not in _NOT_REPLAYED} | {"oneway": True}
    program = call.program
    if arguments is not None:
        first = program[0]
        body = encode([arguments[0], arguments[1]], limit=HARD_LIMIT)
        program = (Step(first.receiver, first.kind, first.path, body), *program[1:])
    # A caller of its own: under the old identity it could be taken for a call that was given up.
    return Call(secrets.token_hex(8), 1, deadline, options, program)


async def replay(link: Link, keys: ServiceKeys, letter: Letter, call: Call) -> bool:
    """Put *call* into the stream in place of *letter*, in one step; False where the letter was gone.

    Raises:
        RpcError: Redis refused it or is away.
    """
    stream = keys.calls(letter.entrypoint)
    return bool(await REPLAY.run(link, [keys.dead, stream], [letter.id, pack_call(call)]))


async def replay_message(link: Link, keys: QueueKeys, letter: Letter) -> str | None:
    """Put the message of *letter* back into its queue as if it had never been tried, in one step.

    Its ID, or None where the letter was gone.

    Raises:
        RpcError: there is no message in it, or Redis refused it or is away.
    """
    message = unpack_message(letter.entry)._replace(failed=0)
    put_back = await REPLAY.run(link, [keys.dead, keys.messages], [letter.id, pack_message(message)])
    return message.id if put_back else None


async def drop(link: Link, keys: ServiceKeys | QueueKeys, letter: Letter) -> bool:
    """Throw *letter* away; False where it was gone.

    Raises:
        RpcError: Redis refused it or is away.
    """
    return bool(await link.send("XDEL", keys.dead, letter.id))


def _letter(letter_id: str, value: bytes) -> Letter:
    try:
        fields = unpack(value)
    except RpcError:
        fields = None
    match fields:
        case [1, str(reason), str(detail), str(entrypoint), bytes(entry_id), int(count), bytes(entry), *more]:
            extras = cast("dict[str, Any]", more[0]) if more and isinstance(more[0], dict) else {}
            return Letter(
                letter_id, reason, detail, entrypoint, entry_id.decode(), count, entry, extras, _call_in(entry)
            )
        case _:
            return Letter(letter_id, "unreadable", "of another version", "?", "?", 0, value, {}, None)


def _call_in(entry: bytes) -> Call | None:
    try:
        return unpack_call(entry)
    except RpcError:
        return None

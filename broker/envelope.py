"""What stands in a stream entry: calls, replies and dead letters. `docs/protocol.md` section 3 is normative.

Every entry holds one msgpack array whose first element is the version. Arguments and results are
a byte string inside it, packed on their own: the head of a message is always small and can be
read (and answered) even when its body cannot.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from broker.codec import pack, peek, unpack
from broker.errors import ProtocolError

VERSION: Final = 1

_ARRAY: Final[Any] = list
_MAP: Final[Any] = dict
# Of any type to the type checker, which would have every element that comes out of one named in a call of `cast`.

RETURNED: Final = 0
"""Kind of a reply: the body is the result."""
RAISED: Final = 1
"""Kind of a reply: the body is the exception that the method raised."""
REFUSED: Final = 2
"""Kind of a reply: the body is an error of the runtime itself."""
SESSION: Final = 3
"""Kind of a reply, though it is none: the body is a batch of messages of the call's session."""
RESULTS: Final = 4
"""Kind of a reply: the body has the outcomes of several steps, or such as refer to objects of the worker."""

GET: Final = 0
"""Kind of a step: read a property."""
CALL: Final = 1
"""Kind of a step: call a method."""
FETCH: Final = 2
"""Kind of a step: call the handler `fetch`, which is no method."""
MAP: Final = 3
"""Kind of a step: run a recorded program on each item of the receiver."""


class Step(NamedTuple):
    """One step of a program: apply `kind` to the member at the end of `path` of `receiver`.

    `receiver` 0 is the entrypoint, n is the value of the n-th step. `body` holds the packed
    `(args, kwargs)`, empty for property reads.
    """

    receiver: int
    kind: int
    path: tuple[str, ...]
    body: bytes


class Call(NamedTuple):
    """One call: who made it, until when it matters, and what it asks for.

    `deadline` is in milliseconds of Redis's clock. `options` holds what few calls need:
    `props` (bytes, packed), `keep` (ms to keep the result), `oneway`, `retries`, `key`, `live` (it carries references),
    `want` (steps whose outcomes are wanted, where that is not just the last).
    """

    caller: str
    sequence: int
    deadline: int
    options: dict[str, Any]
    program: tuple[Step, ...]

    @property
    def id(self) -> str:
        """`CALLER.SEQUENCE`, unique for ever."""
        return f"{self.caller}.{self.sequence}"


class Outcome(NamedTuple):
    """How a call, or one step of it, ended: the kind and body of a reply."""

    kind: int
    body: bytes


class Reply(NamedTuple):
    """The one outcome of a call: `kind` says what the packed `body` is."""

    sequence: int
    kind: int
    body: bytes


def pack_call(call: Call) -> bytes:
    """The entry of *call*."""
    return pack((VERSION, *call))


def unpack_call(data: bytes) -> Call:
    """Read an entry of a call stream; the bodies inside stay packed.

    Raises:
        ProtocolError: *data* is not a call of a version that we know.
    """
    fields = _versioned(data)
    # Not a match statement: matching a sequence takes longer than everything else here.
    if len(fields) == 6:
        _, caller, sequence, deadline, options, program = fields
        if type(caller) is str and type(sequence) is int and type(deadline) is int and type(options) is _MAP:
            return Call(caller, sequence, deadline, options, read_program(program))
    raise ProtocolError("The entry is not a call: its fields have the wrong types.")


def peek_call(data: bytes) -> Call:
    """Who made a call that is too large to be read: a call without options and steps.

    Raises:
        ProtocolError: *data* is not a call of a version that we know.
    """
    match peek(data, 4):
        case [1, str(caller), int(sequence), int(deadline)]:
            return Call(caller, sequence, deadline, {}, ())
        case _:
            raise ProtocolError("The entry is not a call: its fields have the wrong types.")


def pack_reply(reply: Reply) -> bytes:
    """The entry of *reply*."""
    return pack((VERSION, *reply))


def unpack_reply(data: bytes) -> Reply:
    """Read an entry of a reply channel or a kept result.

    Raises:
        ProtocolError: *data* is not a reply of a version that we know.
    """
    fields = _versioned(data)
    if len(fields) == 4:
        _, sequence, kind, body = fields
        if type(sequence) is int and type(kind) is int and type(body) is bytes:
            return Reply(sequence, kind, body)
    raise ProtocolError("The entry is not a reply: its fields have the wrong types.")


def _versioned(data: bytes) -> list[Any]:
    """The elements of a message, its version being one that we know."""
    fields: Any = unpack(data)
    if type(fields) is _ARRAY and fields and type(fields[0]) is int and fields[0] == VERSION:
        return fields
    raise _unreadable(fields)


def _unreadable(fields: Any) -> ProtocolError:
    if type(fields) is not _ARRAY or not fields:
        return ProtocolError("The entry is not a message: it is no array.")
    version = fields[0]
    if type(version) is not int:
        # Not quoted: it may be nested so deeply that showing it overflows the stack.
        return ProtocolError(f"The entry has a protocol version that is no number; this side knows {VERSION}.")
    return ProtocolError(f"The entry has protocol version {version!r:.20}; this side knows {VERSION}.")


def read_program(wire: Any) -> tuple[Step, ...]:
    """The steps of a program.

    Raises:
        ProtocolError: *wire* is none.
    """
    if type(wire) is not _ARRAY or not wire:
        raise ProtocolError("The entry is not a call: it has no program.")
    if len(wire) == 1:
        return (_step(wire[0]),)
    return tuple([_step(step) for step in wire])


def _step(wire: Any) -> Step:
    if type(wire) is _ARRAY and len(wire) == 4:
        receiver, kind, path, body = wire
        if type(receiver) is int and type(kind) is int and type(body) is bytes and _names(path):
            return Step(receiver, kind, tuple(path), body)
    raise ProtocolError("The entry is not a call: a step of its program has the wrong shape.")


def _names(wire: Any) -> bool:
    if type(wire) is not _ARRAY:
        return False
    for name in wire:  # noqa: SIM110 -- a generator costs more than what it looks at
        if type(name) is not str:
            return False
    return True

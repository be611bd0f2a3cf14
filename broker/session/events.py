"""What a session tells its owner about what the other side said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from broker.envelope import Step


class Asked(NamedTuple):
    """The other side calls *target*: run *program* by *deadline* (Redis's clock) and `answer` the steps wanted."""

    number: int
    deadline: int
    target: Any
    want: Sequence[int]
    program: tuple[Step, ...]


class Unanswerable(NamedTuple):
    """The other side calls something that is not there."""

    number: int


class Returned(NamedTuple):
    """A call of ours has its outcome."""

    number: int
    kind: int
    body: bytes


class Cancelled(NamedTuple):
    """The other side gave up a call that it made."""

    number: int


class Released(NamedTuple):
    """The other side holds *target* no longer under this reference."""

    target: Any


class Chunk(NamedTuple):
    """The next chunk of a stream that the other side produces."""

    stream: int
    body: bytes


class Finished(NamedTuple):
    """A stream of the other side has ended: well, or with a failure (an encoded exception)."""

    stream: int
    failure: bytes | None


class Credited(NamedTuple):
    """A stream of ours may go on."""

    stream: int


class Stopped(NamedTuple):
    """The other side wants no more of a stream of ours."""

    stream: int
    target: Any


class Fired(NamedTuple):
    """A signal of the other side was given."""

    signal: int
    reason: str


class Broken(NamedTuple):
    """The session has ended before its time; nothing of it can be used any longer."""

    reason: str


Event: TypeAlias = (
    Asked | Unanswerable | Returned | Cancelled | Released | Chunk | Finished | Credited | Stopped | Fired | Broken
)

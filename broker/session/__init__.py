"""Sessions: what two processes hold of each other's objects, as a state machine without I/O.

A session belongs to one call. It begins when a reference travels in the call's arguments or result and ends when
neither side holds anything of the other. Both ends run the same machine and neither knows which of the two it is.
"""

from broker.session.events import (
    Asked,
    Broken,
    Cancelled,
    Chunk,
    Credited,
    Event,
    Finished,
    Fired,
    Released,
    Returned,
    Stopped,
    Unanswerable,
)
from broker.session.machine import MOST_CALLS, MOST_REFERENCES, OBJECT, SIGNAL, STREAM, Export, Session

__all__ = [
    "MOST_CALLS",
    "MOST_REFERENCES",
    "OBJECT",
    "SIGNAL",
    "STREAM",
    "Asked",
    "Broken",
    "Cancelled",
    "Chunk",
    "Credited",
    "Event",
    "Export",
    "Finished",
    "Fired",
    "Released",
    "Returned",
    "Session",
    "Stopped",
    "Unanswerable",
]

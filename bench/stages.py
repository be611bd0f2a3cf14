"""From functions to the stages of a call: which function belongs to which, and what each stage costs. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

LOOP: Final = "event loop"
"""What runs between the functions: waiting, reading sockets, calling back."""
GENERATOR: Final = "load generator"
"""What makes the calls and looks at them; no part of what a call costs."""

STAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "client": {
        "make": "stub, options, deadline, the record of the open call",
        "encode": "arguments and entry to bytes",
        "queue": "the batch for the enqueue script, and its answer",
        "write": "commands to the socket",
        "read": "replies of Redis from bytes",
        "reply": "entry to outcome, future resolved, record dropped",
    },
    "worker": {
        "read": "replies of Redis from bytes",
        "dispatch": "entry to call, admission, claims",
        "validate": "arguments from bytes, checked and converted",
        "run": "task, ctx, entrypoint, the method itself, its end",
        "reply": "result to bytes",
        "ack": "the batch for the settle script, and its answer",
        "write": "commands to the socket",
        "upkeep": "leases, heartbeats, sweeps",
    },
}
"""The stages at each end in the order that a call goes through them."""

_DECODING: Final = r"decode|unpack|_not_plain|read_|revive|from_wire"
_VALUES: Final = "broker/(codec|explaining|nesting|values|failures|outcomes)"
_LINK: Final = ((r"broker/link/wire\.py:.*(data_received|resolve|refuse|_is_push)", "read"), (r"broker/link/", "write"))
_PATTERNS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "client": (
        (r"bench/", GENERATOR),
        (r"broker/link/script\.py:", "queue"),
        *_LINK,
        (rf"({_VALUES}|broker/envelope).*:.*({_DECODING})", "reply"),
        (rf"{_VALUES}|broker/envelope", "encode"),
        (r"client/calling/program\.py:settle", "reply"),
        (r"client/calling/(arguments\.py:|caller\.py:.*encode)", "encode"),
        (r"client/calling/caller\.py:.*(deliver|_read|forget|fail)", "reply"),
        (r"client/calling/expiry\.py:.*remove", "reply"),
        (r"client/calling/producer\.py:.*forget", "reply"),
        (r"client/calling/producer\.py:", "queue"),
        (r"client/calling/replies\.py:", "reply"),
        (r"(client|broker)/", "make"),
    ),
    "worker": (
        (r"bench/watched/", "run"),
        (r"bench/", GENERATOR),
        (r"broker/link/script\.py:|worker_runtime/settling/settler\.py:", "ack"),
        *_LINK,
        (r"broker/envelope.*:.*pack_reply", "reply"),
        (r"broker/envelope", "dispatch"),
        (rf"{_VALUES}.*:.*({_DECODING})", "validate"),
        (_VALUES, "reply"),
        (r"broker/methods/(arguments|mismatch|signature)\.py:", "validate"),
        (r"worker_runtime/invoking/steps\.py:.*(read_arguments|checked)", "validate"),
        (r"worker_runtime/invoking/(running|live)\.py:.*returned", "reply"),
        (r"worker_runtime/(consuming/sweeper|groups/(sweeping|leases))\.py:", "upkeep"),
        (r"worker_runtime/process/(control|offering|watchdog|worker)\.py:", "upkeep"),
        (r"worker_runtime/(consuming|groups)/|worker_runtime/invoking/claims\.py:", "dispatch"),
        (r"worker_runtime/(process/bindings|settling/endings|services/service|context|entrypoint)\.py:", "run"),
        (r"worker_runtime/(env|invoking)/", "run"),
        (r"(broker/redelivery|client/calling/deadline)\.py:", "dispatch"),
        (r"(client|broker)/", "run"),
    ),
}
"""The first pattern that fits says the stage. A function of ours that none fits is a stage of its own."""


def stage_of(end: str, label: str) -> str:
    """The stage at this end of a function of ours; one that no pattern fits is a stage of its own."""
    if label == LOOP:
        return LOOP
    for pattern, stage in _PATTERNS[end]:
        if re.match(pattern, label):
            return stage
    return label.partition(":")[0]


def costs(end: str, seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds of each stage at this end, from those of each function."""
    spent: dict[str, float] = defaultdict(float)
    for label, own in seconds.items():
        spent[stage_of(end, label)] += own
    return dict(spent)

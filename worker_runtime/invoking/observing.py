"""What an observer is told of each call, and each batch of a queue, that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from broker import failures
from broker.codec import decode
from broker.envelope import FETCH, RAISED, RESULTS, RETURNED, Outcome, Step
from broker.errors import RpcError
from broker.failures import masked
from broker.names import DEFAULT_ENTRYPOINT
from broker.outcomes import read_together
from worker_runtime.groups.delivery import Work
from worker_runtime.invoking.invocation import Invocation
from worker_runtime.invoking.raised_at import raised_at
from worker_runtime.services.service import Service

How = Literal["returned", "raised", "refused"]

_HOW: Final[dict[int, How]] = {RETURNED: "returned", RAISED: "raised"}


class Ended(NamedTuple):
    """A call that ended, but for its background tasks, or a batch that was handled.

    Attributes:
        service: The service that it was made to.
        entrypoint: The entrypoint.
        method: What was called: a method, a property, "fetch", or "queue(NAME, 3)" for a batch of three messages.
        seconds: How long it ran; None where it was refused before it began.
        how: Whether the method returned or raised, or the runtime refused the call.
        error: Type and message of what was raised or refused; empty where it returned.
        detail: Method and path of a request; empty for other calls.
        status: The status of the response to a request, if there was one.
        raised_at: File and line of the service at which it raised, where that is known.
    """

    service: str
    entrypoint: str
    method: str
    seconds: float | None
    how: How
    error: str
    detail: str = ""
    status: int | None = None
    raised_at: str = ""


Observer = Callable[[Ended], None]


def describe_end(work: Work, outcome: Outcome, invocation: Invocation | None) -> Ended:
    """What an observer is told of *outcome*; *invocation* is None where the call never began."""
    step = work.call.program[-1] if work.call.program else None
    outcome = _of_the_last_step(outcome)
    how = _HOW.get(outcome.kind, "refused")
    fetched = step is not None and step.kind == FETCH
    return Ended(
        work.delivery.source.serving.service.name,
        work.delivery.source.entrypoint,
        "?" if step is None else "fetch" if fetched else ".".join(step.path),
        None if invocation is None else asyncio.get_running_loop().time() - invocation.begun,
        how,
        "" if how == "returned" else _error(outcome),
        _request_line(step) if step is not None and fetched else "",
        _status(outcome) if fetched and how == "returned" else None,
        invocation.raised_at if invocation is not None and how == "raised" else "",
    )


def describe_batch(service: Service, queue: str, messages: int, seconds: float, failure: BaseException | None) -> Ended:
    """What an observer is told of a batch of so many *messages* that the handler of *service* was given."""
    method = f"queue({queue}, {messages})"
    if failure is None:
        return Ended(service.name, DEFAULT_ENTRYPOINT, method, seconds, "returned", "")
    # As a caller would hear of it: without secrets, and whatever its own code does.
    name, message = failures.dump(failure)[:2]
    where = raised_at(failure, service.entrypoints[DEFAULT_ENTRYPOINT])
    return Ended(service.name, DEFAULT_ENTRYPOINT, method, seconds, "raised", _words(name, message), raised_at=where)


def _of_the_last_step(outcome: Outcome) -> Outcome:
    """What counts of the outcome of a call with a session or of several steps: that of its last step."""
    if outcome.kind != RESULTS:
        return outcome
    return read_together(outcome.body)[1][-1][1]


def _request_line(step: Step) -> str:
    try:
        (request,), _ = decode(step.body)
        url: str = request.url
        return masked(f"{request.method} {urlsplit(url).path}")
    except (RpcError, ValueError, TypeError, AttributeError):
        return ""  # Its body comes piece by piece: only the session can read it.


def _status(outcome: Outcome) -> int | None:
    try:
        return decode(outcome.body).status
    except (RpcError, ValueError, TypeError, AttributeError):
        return None


def _error(outcome: Outcome) -> str:
    try:
        name, message = decode(outcome.body)[:2]
    except (RpcError, ValueError, TypeError):
        return "an error that cannot be shown"
    return _words(name, message)


def _words(name: object, message: object) -> str:
    return f"{name}: {message}" if message else str(name)

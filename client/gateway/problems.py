"""What a client is told when a request cannot be answered: RFC 9457, and nothing of what happened inside. Pure."""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import Final, NamedTuple

from broker.errors import BrokerUnavailable, CallTimeout, Overloaded, PayloadTooLarge, RemoteError, ServiceUnavailable

CONTENT_TYPE: Final = "application/problem+json"


class Problem(NamedTuple):
    """A refusal: its status, what a person may know of it, and in how many seconds to come back."""

    status: HTTPStatus
    detail: str = ""
    retry_after: float | None = None


class Refused(Exception):
    """Raised when the gateway itself does not let a request through."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail)


def problem_of(error: BaseException) -> Problem:
    """What the client is told of *error*.

    What the service's own calls ran into is its failure like any other: only the outcome of this call counts.
    """
    if isinstance(error, Refused):
        return error.problem
    if isinstance(error, Overloaded | ServiceUnavailable | BrokerUnavailable):
        return Problem(
            HTTPStatus.SERVICE_UNAVAILABLE, "The service cannot take the request now.", error.retry_after or 1
        )
    if isinstance(error, CallTimeout):
        return Problem(HTTPStatus.GATEWAY_TIMEOUT, "The service gave no answer in time.")
    if isinstance(error, PayloadTooLarge) and error.executed == "no":
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The request is larger than the service takes.")
    return Problem(HTTPStatus.BAD_GATEWAY, "The service failed to answer.")


def named(error: BaseException) -> str:
    """Name and message of *error*, for the log; of an exception that has no type here, the name that it has there."""
    return f"{error.name if type(error) is RemoteError else type(error).__name__}: {error}"


def body_of(problem: Problem, request_id: str) -> bytes:
    """The body that says *problem*, as JSON."""
    shown = {"type": "about:blank", "title": problem.status.phrase, "status": int(problem.status)}
    if problem.detail:
        shown["detail"] = problem.detail
    return json.dumps({**shown, "request_id": request_id}).encode()


def fields_of(problem: Problem, request_id: str) -> dict[str, str]:
    """The header fields that go with *problem*."""
    fields = {"content-type": CONTENT_TYPE, "cache-control": "no-store", "x-request-id": request_id}
    if problem.retry_after is not None:
        fields["retry-after"] = str(max(1, math.ceil(problem.retry_after)))
    return fields

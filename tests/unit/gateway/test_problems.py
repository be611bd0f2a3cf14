"""What a client is told of a failure."""

import json
from http import HTTPStatus

import pytest

from broker.errors import (
    BrokerUnavailable,
    CallAbandoned,
    CallTimeout,
    ConfigurationError,
    MethodNotFound,
    Overloaded,
    PayloadTooLarge,
    ProtocolError,
    RemoteError,
    ServiceUnavailable,
)
from client.gateway.limits import Limits, read_timeout
from client.gateway.problems import Refused, body_of, fields_of, problem_of

LIMITS = Limits(timeout=10, longest_timeout=20)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Overloaded("x", retry_after=2.2), 503, "3"),
        (Overloaded("x", retry_after=0.1), 503, "1"),
        (ServiceUnavailable("x"), 503, "1"),
        (BrokerUnavailable("x"), 503, "1"),
        (CallTimeout("x"), 504, None),
        (TimeoutError("the service's own"), 502, None),
        (RemoteError("Overloaded", "of a nested call"), 502, None),
        (PayloadTooLarge("the request"), 413, None),
        (PayloadTooLarge("the response", executed="yes"), 502, None),
        (CallAbandoned("x"), 502, None),
        (MethodNotFound("x"), 502, None),
        (ProtocolError("x"), 502, None),
        (ValueError("secret"), 502, None),
        (Refused(HTTPStatus.NOT_FOUND, "No service is here."), 404, None),
    ],
)
def test_each_failure_has_its_status_and_says_nothing_of_the_inside(error, status, retry_after):
    problem = problem_of(error)
    fields, body = fields_of(problem, "id1"), json.loads(body_of(problem, "id1"))

    assert (problem.status, fields.get("retry-after")) == (status, retry_after)
    assert (body["status"], body["request_id"], fields["x-request-id"]) == (status, "id1", "id1")
    assert fields["content-type"] == "application/problem+json"
    assert isinstance(error, Refused) or str(error) not in body["detail"]


@pytest.mark.parametrize(("text", "seconds"), [(None, 10), ("2.5", 2.5), ("3", 3), ("500", 20), ("0.001", 0.001)])
def test_a_client_may_say_how_long_it_waits_within_limits(text, seconds):
    assert read_timeout(text, LIMITS) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1s", "nan", "inf", "1e9", "1, 2", "٣", "9" * 20])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="number of seconds"):
        read_timeout(text, LIMITS)


@pytest.mark.parametrize(
    "limit", [{"timeout": 0}, {"body": -1}, {"stall": float("inf")}, {"fields": True}, {"head": "x"}]
)
def test_a_limit_that_makes_no_sense_is_refused(limit):
    with pytest.raises(ConfigurationError, match="must be a number above 0"):
        Limits(**limit)

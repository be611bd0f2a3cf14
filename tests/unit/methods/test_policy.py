"""What methods and classes may ask of the runtime."""

from datetime import timedelta
from functools import cached_property
from typing import Any

import pytest

from broker.errors import ConfigurationError
from broker.methods.method import prepare
from broker.methods.policy import Policy
from worker_runtime import policy
from worker_runtime.entrypoint import WorkerEntrypoint


@policy(retries=1, timeout=10, inline=True)
class Bank(WorkerEntrypoint):
    @policy(retries=0, timeout=timedelta(milliseconds=500))
    def charge(self) -> None: ...

    def balance(self) -> None: ...

    @policy(concurrency=2)
    @property
    def rate(self) -> int:
        return 1

    @policy(detached=True)
    @cached_property
    def report(self) -> int:
        return 1

    @policy(timeout=1)
    @policy(timeout=2, concurrency=3)
    def twice(self) -> None: ...


@policy(timeout=20)
class Branch(Bank):
    def charge(self) -> None: ...


def test_a_method_wins_over_its_class_and_takes_the_rest_from_it() -> None:
    assert prepare(Bank, "charge").policy == Policy(retries=0, timeout=0.5, inline=True)
    assert prepare(Bank, "balance").policy == Policy(retries=1, timeout=10, inline=True)


def test_a_subclass_wins_over_its_base_and_an_override_starts_anew() -> None:
    assert prepare(Branch, "charge").policy == Policy(retries=1, timeout=20, inline=True)


def test_properties_may_have_a_policy() -> None:
    assert prepare(Bank, "rate").policy.concurrency == 2
    assert prepare(Bank, "report").policy.detached is True


def test_decorators_add_up_and_the_outermost_wins() -> None:
    asked = prepare(Bank, "twice").policy
    assert (asked.timeout, asked.concurrency) == (1, 3)


def test_without_a_policy_everything_is_left_open() -> None:
    class Plain(WorkerEntrypoint):
        def method(self) -> None: ...

    assert prepare(Plain, "method").policy == Policy()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("retries", -1), ("retries", True), ("retries", 1.5), ("timeout", 0), ("timeout", -1), ("timeout", "5"),
        ("timeout", float("inf")), ("timeout", float("nan")), ("timeout", True), ("concurrency", 0), ("detached", 1),
        ("inline", "yes"),
    ],
)  # fmt: skip
def test_a_senseless_value_is_refused_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        policy(**{key: value})
    assert key in str(refused.value)


def test_a_policy_on_something_else_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="method, property or class"):
        policy(retries=0)(3)

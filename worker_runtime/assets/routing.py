"""Who answers a request first, the assets or the service: `run_worker_first`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

MOST_RULES: Final = 100
LONGEST_RULE: Final = 100

Turn: TypeAlias = Literal["service", "assets", "assets if there are"]


@dataclass(frozen=True, slots=True)
class Routing:
    """Whose turn it is for which path.

    Attributes:
        rules: True: always the service. False: the assets where there are any. Or patterns: what fits one that begins
            with `!/` goes to the assets, else what fits one that begins with `/` to the service.
    """

    rules: bool | tuple[str, ...] = False

    def turn(self, path: str) -> Turn:
        """Whose turn it is for a path as it was written."""
        if self.rules is True:
            return "service"
        patterns = () if isinstance(self.rules, bool) else self.rules
        if any(_fits(rule[1:], path) for rule in patterns if rule.startswith("!")):
            return "assets"
        return "service" if any(_fits(rule, path) for rule in patterns) else "assets if there are"

    @property
    def has_patterns(self) -> bool:
        """Whether paths were told apart at all."""
        return not isinstance(self.rules, bool)


def mistakes(rules: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the patterns of `run_worker_first`."""
    if not rules:
        yield "should have at least one rule."
    if len(rules) > MOST_RULES:
        yield f"should have at most {MOST_RULES} rules but got {len(rules)}."
        return
    if rules and not any(rule.startswith("/") for rule in rules):
        yield "should have at least one rule that begins with /."
    for number, rule in enumerate(rules):
        yield from _mistakes(rule, rules[:number], rules)


def _mistakes(rule: str, before: Sequence[str], rules: Sequence[str]) -> Iterator[str]:
    if not rule.startswith(("/", "!/")):
        yield f"the rule {rule!r} should begin with / or !/."
    if len(rule) > LONGEST_RULE:
        yield f"the rule {rule!r} should have at most {LONGEST_RULE} characters."
    if rule in before:
        yield f"the rule {rule!r} appears twice."
    for other in rules:
        if other != rule and other.endswith("*") and rule.startswith(other[:-1]):
            yield f"the rule {rule!r} says nothing beside {other!r}."


def _fits(rule: str, path: str) -> bool:
    """Whether *path* is *rule* with anything in the place of each star; found in one pass, whatever it is like."""
    first, *parts = rule.split("*")
    if not parts:
        return path == rule
    *middle, last = parts
    end = len(path) - len(last)
    if not path.startswith(first) or not path.endswith(last):
        return False
    at = len(first)
    for part in middle:
        at = path.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end

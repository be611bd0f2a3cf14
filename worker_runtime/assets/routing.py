"""Who answers a request first, the assets or the service: `run_worker_first`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

MOST_RULES: Final = 100
LONGEST_RULE: Final = 100

Turn: TypeAlias = Literal["service", "assets", "assets if there are"]


@dataclass(frozen=True)
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
        if any(rule.fullmatch(path) for rule in self._to_assets):
            return "assets"
        return "service" if any(rule.fullmatch(path) for rule in self._to_service) else "assets if there are"

    @property
    def has_patterns(self) -> bool:
        """Whether paths were told apart at all."""
        return not isinstance(self.rules, bool)

    @cached_property
    def _to_assets(self) -> list[re.Pattern[str]]:
        return [_compiled(rule[1:]) for rule in self._patterns if rule.startswith("!")]

    @cached_property
    def _to_service(self) -> list[re.Pattern[str]]:
        return [_compiled(rule) for rule in self._patterns if not rule.startswith("!")]

    @property
    def _patterns(self) -> tuple[str, ...]:
        return () if isinstance(self.rules, bool) else self.rules


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


def _compiled(rule: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, rule.split("*"))), re.DOTALL)

"""What `doctor` makes of the facts: pure, one small check for each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from broker.operator.facts import Facts, ServiceFacts, Stream

OLDEST_SERVER: Final = (7, 0)
MOST_SKEW: Final = 1.0
"""Seconds that this machine's clock may differ; nothing depends on it, but people compare logs."""
LONGEST_LEASE: Final = 60.0
"""Seconds after which a pending entry that nobody renews is odd: four default leases."""

Level = Literal["error", "warning"]


class Finding(NamedTuple):
    """Something that is wrong, and the exact thing to do about it."""

    level: Level
    what: str
    fix: str


def examine(facts: Facts) -> list[Finding]:
    """Everything that is wrong, errors first."""
    found = [*_server(facts), *_memory(facts), *_persistence(facts), *_user(facts), *_keys(facts)]
    for service in facts.services:
        found += _service(service)
    return sorted(found, key=lambda finding: finding.level)


def _server(facts: Facts) -> Iterator[Finding]:
    if facts.version < OLDEST_SERVER:
        version = ".".join(map(str, facts.version))
        yield Finding(
            "error", f"Redis is {version}; scripts with flags need 7.0.", "Install Redis 7.0 or newer, or Valkey."
        )
    if abs(facts.skew) > MOST_SKEW:
        yield Finding(
            "warning",
            f"Redis's clock is {facts.skew:+.1f} s from this machine's.",
            "timedatectl set-ntp true   # on both machines",
        )


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.maxmemory and facts.policy != "noeviction":
        yield Finding(
            "error",
            f"maxmemory-policy is {facts.policy}: a full Redis throws calls away in silence.",
            "redis-cli CONFIG SET maxmemory-policy noeviction && redis-cli CONFIG REWRITE",
        )
    if facts.maxmemory and facts.used_memory > 0.9 * facts.maxmemory:
        share = facts.used_memory / facts.maxmemory
        yield Finding(
            "warning", f"Redis uses {share:.0%} of its maxmemory; full, it refuses calls.",
            f"redis-cli CONFIG SET maxmemory {2 * facts.maxmemory}",
        )  # fmt: skip


def _persistence(facts: Facts) -> Iterator[Finding]:
    if not facts.append_only:
        lost = "what came after the last snapshot" if facts.snapshots else "everything"
        yield Finding(
            "warning",
            f"The append-only file is off: a crash of Redis loses {lost}.",
            "redis-cli CONFIG SET appendonly yes && redis-cli CONFIG REWRITE",
        )


def _user(facts: Facts) -> Iterator[Finding]:
    if facts.refused:
        yield Finding(
            "error",
            f"This user may not give {', '.join(facts.refused)}: no worker can run as it.",
            "Give it the line for workers in docs/how-to/secure-redis.md (a caller or an operator has no need of it).",
        )


def _keys(facts: Facts) -> Iterator[Finding]:
    if facts.without_ttl:
        shown = ", ".join(facts.without_ttl[:3]) + (" …" if len(facts.without_ttl) > 3 else "")
        yield Finding(
            "warning",
            f"{len(facts.without_ttl)} keys would stay for ever: {shown}",
            f"redis-cli PEXPIRE '{facts.without_ttl[0]}' 86400000   # and so on",
        )


def _service(service: ServiceFacts) -> Iterator[Finding]:
    if service.dead:
        yield Finding(
            "warning", f"{service.name}: {service.dead} dead letters.", f"python -m broker dead list {service.name}"
        )
    for stream in service.streams:
        yield from _stream(service, stream)


def _stream(service: ServiceFacts, stream: Stream) -> Iterator[Finding]:
    name = f"{service.name}#{stream.entrypoint}"
    if stream.length and not service.workers:
        yield Finding(
            "error", f"{name}: {stream.length} calls wait and no worker lives.", "python -m worker_runtime CONFIG"
        )
    elif stream.orphans:
        yield Finding(
            "warning",
            f"{name}: {len(stream.orphans)} lost workers left calls that nobody has taken over.",
            "Wait for one lease; if it stays, see the logs of the workers for what they refuse.",
        )
    if service.workers and stream.oldest_idle > LONGEST_LEASE:
        yield Finding(
            "warning",
            f"{name}: a pending call was last heard of {stream.oldest_idle:.0f} s ago.",
            "Longer than the lease of its service, so workers should have taken it over: see their logs.",
        )
    if stream.backlog and stream.length > 0.8 * stream.backlog:
        yield Finding(
            "warning",
            f"{name}: {stream.length} of at most {stream.backlog} calls wait or run; then callers get Overloaded.",
            "Start more workers: python -m worker_runtime CONFIG --processes N",
        )

"""What `doctor` looks at: facts about a Redis and the services on it, collected without changing anything."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from broker.keys import GROUP
from broker.link import Link, ReplyError

MOST_KEYS: Final = 100_000
"""Keys that are looked at; a larger keyspace is examined in part, and the report says so."""

NEEDED: Final = (
    ("EVALSHA", "0" * 40, "1", "{key}"),
    ("EVAL", "return 1", "1", "{key}"),
    ("XADD", "{key}", "*", "m", "x"),
    ("XREADGROUP", "GROUP", GROUP, "doctor", "STREAMS", "{key}", ">"),
    ("XAUTOCLAIM", "{key}", GROUP, "doctor", "1", "0"),
    ("XGROUP", "CREATE", "{key}", GROUP, "0"),
    ("HSET", "{key}", "f", "v"),
    ("PEXPIRE", "{key}", "1"),
    ("PUBLISH", "{channel}", "x"),
    ("SUBSCRIBE", "{channel}"),
    ("CLIENT", "ID"),
    ("TIME",),
)
"""Commands that workers need; callers need fewer (docs/how-to/secure-redis.md)."""

_PERMANENT: Final = ("calls", "dead", "messages", "delayed")
_NAMESPACE: Final = "kv:"


@dataclass
class Stream:
    """One call stream."""

    entrypoint: str
    length: int
    pending: int
    oldest_idle: float
    """Seconds since the longest pending entry was last renewed."""
    backlog: int | None
    orphans: list[str]
    """Consumers with pending entries and no card of a live worker."""


@dataclass
class ServiceFacts:
    """One service, or one queue by the name `queue:NAME`."""

    name: str
    workers: int = 0
    messages: int = 0
    """Of a queue: those that wait, are delayed or are being handled."""
    dead: int = 0
    streams: list[Stream] = field(default_factory=list[Stream])


@dataclass
class Facts:
    """What was found, in seconds and bytes."""

    version: tuple[int, ...]
    policy: str
    maxmemory: int
    used_memory: int
    append_only: bool
    snapshots: bool
    skew: float
    refused: list[str] | None
    """Commands that this user may not give; None where Redis does not tell."""
    without_ttl: list[str] = field(default_factory=list[str])
    partial: bool = False
    services: list[ServiceFacts] = field(default_factory=list[ServiceFacts])


async def collect(link: Link, prefix: str) -> Facts:
    """Look at everything under *prefix*. Changes nothing.

    Raises:
        RpcError: Redis refused it or is away.
    """
    info = await _info(link)
    sent = time.time()
    seconds, microseconds = await link.send("TIME")
    middle = (sent + time.time()) / 2
    facts = Facts(
        version=tuple(int(part) for part in info.get("redis_version", "0").split(".")[:3]),
        policy=info.get("maxmemory_policy", "?"),
        maxmemory=int(info.get("maxmemory", 0)),
        used_memory=int(info.get("used_memory", 0)),
        append_only=info.get("aof_enabled") == "1",
        snapshots=info.get("rdb_last_save_time", "0") != "0",
        skew=int(seconds) + int(microseconds) / 1e6 - middle,
        refused=await _refused(link, prefix),
    )
    await _look_at_keys(link, prefix, facts)
    return facts


async def _info(link: Link) -> dict[str, str]:
    text: bytes = await link.send("INFO")
    pairs = (line.partition(":") for line in text.decode().splitlines() if ":" in line)
    return {name: value for name, _, value in pairs}


async def _refused(link: Link, prefix: str) -> list[str] | None:
    try:
        user: bytes = await link.send("ACL", "WHOAMI")
        place = {"{key}": f"{prefix}:{{doctor}}:calls:Default", "{channel}": f"{prefix}:{{doctor}}:control"}
        commands = [[place.get(part, part) for part in command] for command in NEEDED]
        answers = [await link.send("ACL", "DRYRUN", user, *command) for command in commands]
    except ReplyError:
        return None
    return [" ".join(command[:1]) for command, answer in zip(commands, answers, strict=True) if answer != b"OK"]


async def _look_at_keys(link: Link, prefix: str, facts: Facts) -> None:
    services: dict[str, ServiceFacts] = {}
    cursor, seen = b"0", 0
    while True:
        cursor, keys = await link.send("SCAN", cursor, "MATCH", f"{_escaped(prefix)}:{{*}}:*", "COUNT", 1000)
        lives = [await sent for sent in [link.send("PTTL", key) for key in keys]]
        for key, life in zip(keys, lives, strict=True):
            name, kind, rest = _parts(key.decode("utf-8", "replace"), prefix)
            if name.startswith(_NAMESPACE):
                continue
            service = services.setdefault(name, ServiceFacts(name))
            if kind == "calls":
                service.streams.append(await _stream(link, prefix, name, rest))
            else:
                await _count(link, service, kind, key)
            if life == -1 and kind not in _PERMANENT:
                facts.without_ttl.append(key.decode("utf-8", "replace"))
        seen += len(keys)
        if cursor == b"0" or seen >= MOST_KEYS:
            break
    facts.partial = cursor != b"0"
    facts.services = sorted(services.values(), key=lambda service: service.name)


async def _count(link: Link, service: ServiceFacts, kind: str, key: bytes) -> None:
    if kind == "worker":
        service.workers += 1
    elif kind == "dead":
        service.dead = await link.send("XLEN", key)
    elif kind == "messages":
        service.messages += await link.send("XLEN", key)
    elif kind == "delayed":
        service.messages += await link.send("ZCARD", key)


async def _stream(link: Link, prefix: str, service: str, entrypoint: str) -> Stream:
    home = f"{prefix}:{{{service}}}"
    key = f"{home}:calls:{entrypoint}"
    backlog: bytes | None = await link.send("HGET", f"{home}:meta", f"backlog:{entrypoint}")
    pending, orphans, oldest = 0, list[str](), 0.0
    try:
        consumers = [_flat(consumer) for consumer in await link.send("XINFO", "CONSUMERS", key, GROUP)]
        pending = int((await link.send("XPENDING", key, GROUP))[0])
        entries: list[Any] = await link.send("XPENDING", key, GROUP, "-", "+", 1000) if pending else []
        oldest = max((entry[2] / 1000 for entry in entries), default=0.0)
        for consumer in consumers:
            card = await link.send("EXISTS", f"{home}:worker:{consumer['name']}")
            if consumer["pending"] and not card:
                orphans.append(consumer["name"])
    except ReplyError:
        # No group yet: no worker has been here since the stream was made.
        pass
    length: int = await link.send("XLEN", key)
    return Stream(entrypoint, length, pending, oldest, int(backlog) if backlog else None, orphans)


def _flat(pairs: list[Any]) -> Mapping[str, Any]:
    named = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return {name.decode(): value.decode() if isinstance(value, bytes) else value for name, value in named.items()}


def _parts(key: str, prefix: str) -> tuple[str, str, str]:
    name, _, rest = key.removeprefix(f"{prefix}:{{").partition("}:")
    kind, _, rest = rest.partition(":")
    return name, kind, rest


def _escaped(prefix: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]^\\" else char for char in prefix)

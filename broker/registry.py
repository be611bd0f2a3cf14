"""What live workers offer: the hash `meta` of a service, renewed by them and gone without them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final

from broker.codec import decode, encode, pack, unpack
from broker.errors import RpcError
from broker.keys import ServiceKeys
from broker.link import Link, Script
from broker.names import is_service

META_TTL_MS: Final = 30_000
"""How long an offer outlives the last worker that renews it."""

_BACKLOG: Final = "backlog:"
_ENTRYPOINT: Final = "entrypoint:"
_LARGEST: Final = 1 << 22
_OFFER: Final = Script("offer")
_FORGET: Final = Script("forget")

Offer = dict[str, Any]
"""What one entrypoint offers; docs/protocol.md section 2 says its fields."""


async def publish_offers(
    link: Link, keys: ServiceKeys, offers: Mapping[str, Offer], *, backlog: int, started_ms: int = 0
) -> None:
    """Say what this worker offers, and renew the time that it holds.

    While another one offers the same entrypoints that started later, its offers stay, be they of another version.

    Raises:
        RpcError: Redis refused it or is away.
    """
    arguments: list[str | int | bytes] = [META_TTL_MS, started_ms]
    for entrypoint, offer in offers.items():
        arguments += (entrypoint, backlog, _encoded(offer))
    await _OFFER.run(link, [keys.meta], arguments)


def _encoded(offer: Offer) -> bytes:
    try:
        return encode(offer, limit=_LARGEST)
    except RpcError:
        # Too large, or schemas too deep: that the service is there counts more than what it looks like.
        members = {name: {"kind": member.get("kind", "method")} for name, member in offer.get("members", {}).items()}
        return encode({"fetch": offer.get("fetch", False), "members": members}, limit=_LARGEST)


async def publish_version(link: Link, keys: ServiceKeys, methods: Mapping[str, Collection[str]], now_ms: int) -> None:
    """Say which *methods* this worker has by entrypoint, beside what workers of other versions say.

    Raises:
        RpcError: Redis refused it or is away.
    """
    fields: list[str | bytes] = []
    for entrypoint, known in methods.items():
        names = sorted(known)
        digest = hashlib.sha256("\0".join(names).encode()).hexdigest()[:16]
        fields += (f"{entrypoint}:{digest}", pack([now_ms + META_TTL_MS, names]))
    stored = link.send("HSET", keys.versions, *fields)
    renewed = link.send("PEXPIRE", keys.versions, META_TTL_MS)
    await stored
    await renewed


async def forget_entrypoints(link: Link, keys: ServiceKeys, own: Collection[str], now_ms: int) -> None:
    """Take back what only workers offered that are gone; whoever calls this serves its *own* and has said its versions.

    Raises:
        RpcError: Redis refused it or is away.
    """
    flat: list[bytes] = await link.send("HGETALL", keys.versions)
    outdated: list[bytes] = []
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        if not _current(value, now_ms):
            outdated += (field, value)
    await _FORGET.run(link, [keys.meta, keys.versions], [len(own), *own, *outdated])


async def read_versions(link: Link, keys: ServiceKeys, entrypoint: str, now_ms: int) -> list[frozenset[str]]:
    """The methods that live workers have for *entrypoint*, one set for each version of the code.

    Raises:
        RpcError: Redis refused it or is away.
    """
    flat: list[bytes] = await link.send("HGETALL", keys.versions)
    fields = zip(flat[::2], flat[1::2], strict=True)
    wanted = f"{entrypoint}:".encode()
    return [
        frozenset(unpack(value)[1]) for field, value in fields if field.startswith(wanted) and _current(value, now_ms)
    ]


def _current(value: bytes, now_ms: int) -> bool:
    try:
        match unpack(value):
            case [int(expires), list()]:
                return expires > now_ms
            case _:
                return False
    except RpcError:
        return False


async def read_offers(link: Link, keys: ServiceKeys) -> dict[str, Offer]:
    """What the live workers of a service offer, by entrypoint; empty where there are none.

    Raises:
        RpcError: Redis refused it or is away.
    """
    flat: list[bytes] = await link.send("HGETALL", keys.meta)
    offers: dict[str, Offer] = {}
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        name = field.decode("utf-8", "replace")
        if name.startswith(_ENTRYPOINT):
            try:
                offers[name.removeprefix(_ENTRYPOINT)] = decode(value, limit=_LARGEST)
            except RpcError:
                # Another version's description: that it is offered is known all the same.
                offers[name.removeprefix(_ENTRYPOINT)] = {}
    return offers


async def list_services(link: Link, prefix: str) -> list[str]:
    """The services under *prefix* that have live workers. Reads through all keys: for people, not for programs.

    Raises:
        RpcError: Redis refused it or is away.
    """
    pattern = ServiceKeys(prefix, "*").meta
    head, _, tail = pattern.partition("*")
    found: set[str] = set()
    cursor: int | bytes = 0
    while True:
        cursor, keys = await link.send("SCAN", cursor, "MATCH", pattern, "COUNT", 1000, "TYPE", "hash")
        names = (key.decode("utf-8", "replace") for key in keys)
        found |= {name.removeprefix(head).removesuffix(tail) for name in names}
        if int(cursor) == 0:
            return sorted(name for name in found if is_service(name))

"""What live workers offer: the hash `meta` of a service, renewed by them and gone without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from broker.codec import decode, encode
from broker.errors import RpcError
from broker.keys import ServiceKeys
from broker.link import Link

META_TTL_MS: Final = 30_000
"""How long an offer outlives the last worker that renews it."""

_BACKLOG: Final = "backlog:"
_ENTRYPOINT: Final = "entrypoint:"
_LARGEST: Final = 1 << 22

Offer = dict[str, Any]
"""What one entrypoint offers: `doc` and `methods`, each with `signature`, `doc` and `schema`."""


async def publish_offers(link: Link, keys: ServiceKeys, offers: Mapping[str, Offer], *, backlog: int) -> None:
    """Say what this worker offers, and renew the time that it holds.

    Raises:
        RpcError: Redis refused it or is away.
    """
    fields: list[str | int | bytes] = []
    for entrypoint, offer in offers.items():
        fields += (_BACKLOG + entrypoint, backlog, _ENTRYPOINT + entrypoint, encode(offer, limit=_LARGEST))
    stored = link.send("HSET", keys.meta, *fields)
    renewed = link.send("PEXPIRE", keys.meta, META_TTL_MS)
    await stored
    await renewed


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

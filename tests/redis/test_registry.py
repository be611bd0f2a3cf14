"""What live workers offer, as it stands in Redis."""

import asyncio
from typing import Any

from broker.keys import ServiceKeys
from broker.registry import (
    forget_entrypoints,
    list_services,
    publish_offers,
    publish_version,
    read_offers,
    read_versions,
)
from tests.support.servers import opened

KEYS = ServiceKeys("test", "shop")


async def published(url: str, offers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    link = await opened(url)
    try:
        await publish_offers(link, KEYS, offers, backlog=7)
        return await read_offers(link, KEYS)
    finally:
        await link.close()


async def test_what_is_offered_is_read_back(broker_url):
    offer = {"doc": "A shop.", "members": {"add": {"kind": "method", "returns": {"type": "integer"}}}}

    assert await published(broker_url, {"Default": offer}) == {"Default": offer}


async def test_an_offer_that_is_too_large_or_too_deep_still_says_that_it_is_there(broker_url):
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"items": deep}
    members = {"add": {"kind": "method", "returns": deep}, "size": {"kind": "property", "doc": "x" * (5 << 20)}}

    assert await published(broker_url, {"Default": {"fetch": True, "members": members}}) == {
        "Default": {"fetch": True, "members": {"add": {"kind": "method"}, "size": {"kind": "property"}}}
    }


async def test_services_with_live_workers_are_found_under_their_prefix(broker_url):
    link = await opened(broker_url)
    try:
        for prefix, service in (("test", "shop"), ("test", "todo-app"), ("other", "hidden")):
            await publish_offers(link, ServiceKeys(prefix, service), {"Default": {}}, backlog=1)
        await link.send("HSET", "test:{a b}:meta", "x", "y")
        await link.send("SET", "test:{text}:meta", "x")

        assert await list_services(link, "test") == ["shop", "todo-app"]
    finally:
        await link.close()


async def test_an_entrypoint_that_only_workers_of_an_older_version_had_is_forgotten_once_they_are_gone(broker_url):
    link = await opened(broker_url)
    try:
        await publish_version(link, KEYS, {"Default": ["add"], "Admin": ["purge"]}, 0)
        await publish_offers(link, KEYS, {"Default": {}, "Admin": {}}, backlog=7)
        still = 1_000
        await publish_version(link, KEYS, {"Default": ["add", "more"]}, still)
        await publish_offers(link, KEYS, {"Default": {}}, backlog=7)
        await forget_entrypoints(link, KEYS, ["Default"], still)
        assert set(await read_offers(link, KEYS)) == {"Default", "Admin"}

        gone = 31_000
        await publish_version(link, KEYS, {"Default": ["add", "more"]}, gone)
        await forget_entrypoints(link, KEYS, ["Default"], gone)

        assert set(await read_offers(link, KEYS)) == {"Default"}
        assert await link.send("HKEYS", KEYS.meta) == [b"backlog:Default", b"entrypoint:Default", b"since:Default"]
    finally:
        await link.close()


async def test_what_its_own_worker_serves_is_never_forgotten_whatever_became_of_its_versions(broker_url):
    link = await opened(broker_url)
    try:
        await publish_version(link, KEYS, {"Default": ["add"], "Admin": ["purge"]}, 0)
        # It stood still meanwhile, or Redis was emptied.
        await link.send("DEL", KEYS.versions)
        await publish_offers(link, KEYS, {"Default": {}, "Admin": {}}, backlog=7)
        await forget_entrypoints(link, KEYS, ["Default", "Admin"], 0)

        assert set(await read_offers(link, KEYS)) == {"Default", "Admin"}
    finally:
        await link.close()


async def test_a_version_that_is_renewed_while_another_worker_looks_for_outdated_ones_stays(broker_url):
    link, other = await opened(broker_url), await opened(broker_url)
    try:
        await publish_version(link, KEYS, {"Admin": ["purge"]}, 0)
        await publish_offers(link, KEYS, {"Default": {}, "Admin": {}}, backlog=7)

        late = 31_000
        forgetting = asyncio.ensure_future(forget_entrypoints(link, KEYS, ["Default"], late))
        async with asyncio.timeout(10):
            while not forgetting.done():
                await publish_version(other, KEYS, {"Admin": ["purge"]}, late)

        fields = await link.send("HKEYS", KEYS.versions)
        assert len(fields) == 1
        assert await read_versions(link, KEYS, "Admin", late) == [frozenset({"purge"})]
    finally:
        await link.close()
        await other.close()


async def test_of_two_versions_the_one_that_started_last_is_described_whoever_renews_it(broker_url):
    old, new = {"Default": {"doc": "old"}}, {"Default": {"doc": "new"}}
    link = await opened(broker_url)
    try:
        await publish_offers(link, KEYS, old, backlog=1, started_ms=1000)
        await publish_offers(link, KEYS, new, backlog=2, started_ms=2000)
        await publish_offers(link, KEYS, old, backlog=1, started_ms=1000)
        assert await read_offers(link, KEYS) == new
        assert await link.send("HGET", KEYS.meta, "backlog:Default") == b"2"

        # It is renewed no longer: who said so last is gone.
        await link.send("HSET", KEYS.meta, "since:Default", "2000 3000")
        await publish_offers(link, KEYS, old, backlog=1, started_ms=1000)
        assert await read_offers(link, KEYS) == old
    finally:
        await link.close()

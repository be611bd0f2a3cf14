"""KV over its scripts: on fakeredis and on a real server, and against a dict."""

import asyncio
import json

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from broker.errors import RpcError
from broker.keys import NamespaceKeys
from broker.link import Script
from tests.support.servers import opened
from worker_runtime.kv import KVNamespace

KEYS = NamespaceKeys("test", "cache")
ALL = [KEYS.names, KEYS.values, KEYS.metadata, KEYS.expires]


@pytest.fixture
async def kv(link):
    seconds, _ = await link.send("TIME")
    return KVNamespace(link, KEYS, lambda: int(seconds) * 1000)


async def expire(link, *names):
    """Make entries expire that would have done so in a minute at the earliest."""
    for name in names:
        assert await link.send("ZADD", KEYS.expires, "XX", "CH", 1, name) == 1


async def names_of(kv, **options):
    return [key.name for key in (await kv.list(**options)).keys]


async def test_what_was_put_is_got_in_every_type(kv):
    await kv.put("text", "größer")
    await kv.put("bytes", b"\x00\xff")
    await kv.put("json", json.dumps({"a": [1, None]}))

    assert await kv.get("text") == "größer"
    assert await kv.get("bytes", "arrayBuffer") == b"\x00\xff"
    assert await kv.get("bytes") == "\x00�"
    assert await kv.get("json", type="json") == {"a": [1, None]}
    assert await kv.get("json", {"type": "json", "cacheTtl": 60}) == {"a": [1, None]}
    assert await kv.get("nothing") is None


async def test_several_names_give_a_dict_in_their_order(kv):
    await kv.put("b", "2", metadata=[1])
    await kv.put("a", "1")

    assert await kv.get(["b", "none", "a"]) == {"b": "2", "none": None, "a": "1"}
    found = await kv.get_with_metadata(["b", "none"], "json")
    assert (found["b"].value, found["b"].metadata) == (2, [1])
    assert (found["none"].value, found["none"].metadata) == (None, None)
    assert await kv.get([]) == {}


async def test_metadata_comes_with_the_value_and_goes_with_the_next_put(kv):
    await kv.put("a", "1", {"metadata": {"by": "me"}})
    found = await kv.getWithMetadata("a")
    assert (found.value, found.metadata) == ("1", {"by": "me"})

    await kv.put("a", "2")
    found = await kv.get_with_metadata("a")
    assert (found.value, found.metadata) == ("2", None)


async def test_delete_takes_everything_away_and_may_be_repeated(kv, link):
    await kv.put("a", "1", metadata=1, expirationTtl=60)
    for _ in range(2):
        await kv.delete("a")
        assert await kv.get("a") is None
    assert await link.send("EXISTS", *ALL) == 0


async def test_list_is_in_the_order_of_bytes_with_expiration_and_metadata(kv):
    for name in ("b", "B", "ä", "a", "a:1", "😀", "z"):
        await kv.put(name, "")
    await kv.put("a:2", "", expiration=4_000_000_000, metadata={"n": 1})

    page = await kv.list()

    assert [key.name for key in page.keys] == ["B", "a", "a:1", "a:2", "b", "z", "ä", "😀"]
    assert (page.list_complete, page.cursor) == (True, None)
    assert (page.keys[3].expiration, page.keys[3].metadata) == (4_000_000_000, {"n": 1})
    assert (page.keys[0].expiration, page.keys[0].metadata) == (None, None)
    assert await names_of(kv, prefix="a") == ["a", "a:1", "a:2"]
    assert await names_of(kv, prefix="ä") == ["ä"]
    assert await names_of(kv, prefix="c") == []


async def test_pages_follow_each_other_by_their_cursors(kv):
    expected = [f"key:{number:03}" for number in range(25)]
    for name in reversed(expected):
        await kv.put(name, "")
    await kv.put("other", "")

    found, cursor = [], None
    while True:
        page = await kv.list(prefix="key:", limit=10, cursor=cursor)
        found.append([key.name for key in page.keys])
        cursor = page.cursor
        if page.list_complete:
            break

    assert found == [expected[:10], expected[10:20], expected[20:]]


async def test_a_cursor_stays_within_its_prefix(kv):
    for name in ("a1", "a2", "b1", "b2"):
        await kv.put(name, "")
    cursor = (await kv.list(prefix="a", limit=1)).cursor

    assert await names_of(kv, prefix="b", cursor=cursor) == ["b1", "b2"]


async def test_what_has_expired_is_neither_got_nor_listed(kv, link):
    for name in "abcde":
        await kv.put(name, name, expiration_ttl=60)
    await expire(link, "a", "c", "e")

    assert await kv.get(list("abcde")) == {"a": None, "b": "b", "c": None, "d": "d", "e": None}
    assert await names_of(kv) == ["b", "d"]
    page = await kv.list(limit=2)
    assert ([key.name for key in page.keys], page.list_complete) == (["b", "d"], True)


async def test_a_put_after_expiry_begins_anew(kv, link):
    await kv.put("a", "old", expirationTtl=60, metadata=1)
    await expire(link, "a")
    await kv.put("a", "new")

    found = await kv.get_with_metadata("a")
    assert (found.value, found.metadata) == ("new", None)
    assert (await kv.list()).keys[0].expiration is None


async def test_what_has_expired_is_thrown_away_by_those_who_write(kv, link):
    for number in range(20):
        await kv.put(f"session:{number}", "x", expirationTtl=60, metadata=number)
    await expire(link, *[f"session:{number}" for number in range(20)])

    for _ in range(2):
        await kv.put("other", "")

    assert [await link.send("ZCARD", KEYS.names), await link.send("HLEN", KEYS.values)] == [1, 1]
    assert await link.send("EXISTS", KEYS.metadata, KEYS.expires) == 0


async def test_list_goes_on_past_many_that_have_expired(kv, link):
    await asyncio.gather(*[kv.put(f"{number:03}", "", expirationTtl=60) for number in range(60)])
    await kv.put("live", "")
    await expire(link, *[f"{number:03}" for number in range(60)])

    found, cursor, pages = [], None, 0
    while True:
        page = await kv.list(limit=3, cursor=cursor)
        found += [key.name for key in page.keys]
        pages, cursor = pages + 1, page.cursor
        if page.list_complete:
            break

    assert found == ["live"]
    assert pages == 2


async def test_namespaces_do_not_see_each_other(kv, link):
    other = KVNamespace(link, NamespaceKeys("test", "other"), lambda: 0)
    await kv.put("a", "1")

    assert await other.get("a") is None
    assert await names_of(other) == []


async def test_values_may_be_large_but_not_too_large_together(kv):
    large = bytes(13 << 20)
    await kv.put("a", large)
    await kv.put("b", large)

    assert await kv.get("a", "arrayBuffer") == large
    with pytest.raises(ValueError, match="KV GET failed: 413"):
        await kv.get(["a", "b"])


@pytest.mark.redis
async def test_a_full_redis_refuses_to_write_and_still_reads_and_deletes(redis_url):
    link = await opened(redis_url)
    kv = KVNamespace(link, KEYS, lambda: 0)
    await kv.put("a", "1")
    await link.send("CONFIG", "SET", "maxmemory", "1mb")
    try:
        with pytest.raises(RpcError, match="OOM"):
            await kv.put("b", "2")
        assert await kv.get("a") == "1"
        assert await names_of(kv) == ["a"]
        await kv.delete("a")
        assert await names_of(kv) == []
    finally:
        await link.send("CONFIG", "SET", "maxmemory", "0")
        await link.close()


NAMES = st.text(st.sampled_from("ab:é\x00😀"), min_size=1, max_size=4).map(str.encode)
VALUES = st.binary(max_size=3)
LATER, PAST = 1 << 42, 1


class Model(RuleBasedStateMachine):
    """The scripts beside a dict; an entry with a time in the past is one that has expired."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__()
        self.client = client
        self.entries: dict[bytes, tuple[bytes, bytes, int | None]] = {}

    def run(self, name, keys, *arguments):
        return self.client.eval(SCRIPTS[name], len(keys), *keys, *arguments)

    @property
    def live(self):
        return {name: entry for name, entry in self.entries.items() if entry[2] != PAST}

    @initialize()
    def empty_server(self):
        self.client.flushdb()

    @rule(name=NAMES, value=VALUES, metadata=st.sampled_from([b"", b"{}"]), till=st.sampled_from([None, LATER, PAST]))
    def put(self, name, value, metadata, till):
        self.run("kv_put", ALL, name, value, metadata, "" if till is None else till, 2)
        self.entries[name] = (value, metadata, till)

    @rule(name=NAMES)
    def delete(self, name):
        there = self.run("kv_delete", ALL, name)
        assert there >= (name in self.live)
        assert there <= (name in self.entries)
        self.entries.pop(name, None)

    @rule(names=st.lists(NAMES, max_size=4))
    def get(self, names):
        found = self.run("kv_get", [KEYS.values, KEYS.metadata, KEYS.expires], 1000, *names)
        expected = [self.live.get(name, (None, None, None))[:2] for name in names]
        assert found == [
            1,
            *[part if part != b"" or not index else None for e in expected for index, part in enumerate(e)],
        ]

    @rule(prefix=st.one_of(st.just(b""), NAMES), most=st.integers(1, 3))
    def list(self, prefix, most):
        found, start, complete = [], (b"[" + prefix if prefix else b"-"), 0
        end = b"(" + prefix + b"\xff" if prefix else b"+"
        while not complete:
            complete, last, *rows = self.run("kv_list", [KEYS.names, KEYS.metadata, KEYS.expires], start, end, most)
            assert len(rows) <= most
            found += [(name, till and int(float(till)), metadata or b"") for name, till, metadata in rows]
            start = b"(" + last
        live = self.live
        assert found == [(name, live[name][2], live[name][1]) for name in sorted(live) if name.startswith(prefix)]

    @invariant()
    def nothing_is_kept_of_what_is_not_in_the_index(self):
        names = set(self.client.zrange(KEYS.names, 0, -1))
        assert set(self.client.hkeys(KEYS.values)) == names
        assert set(self.client.hkeys(KEYS.metadata)) <= names
        assert set(self.client.zrange(KEYS.expires, 0, -1)) <= names
        assert set(self.live) <= names <= set(self.entries)


SCRIPTS = {name: Script(name).text for name in ("kv_put", "kv_get", "kv_delete", "kv_list")}


@pytest.mark.redis
def test_redis_and_a_dict_agree_through_every_order_of_events(redis_url):
    with redis.Redis.from_url(redis_url, protocol=2) as client:
        run_state_machine_as_test(
            lambda: Model(client),
            settings=settings(
                max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )

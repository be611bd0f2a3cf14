"""A KV namespace as the code of a service sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from broker.keys import NamespaceKeys
from broker.link import Link, Script
from worker_runtime.env.platform_options import options_of
from worker_runtime.kv import limits
from worker_runtime.kv.reading import ListPage, ValueWithMetadata, read_entries, read_page, reader_of

GET: Final = Script("kv_get")
PUT: Final = Script("kv_put")
DELETE: Final = Script("kv_delete")
LIST: Final = Script("kv_list")

MOST_THROWN_AWAY: Final = 16
"""Expired entries that one `put` throws away."""

_READ: Final = {"type": None, "cacheTtl": None}
_WRITE: Final = {"expiration": None, "expirationTtl": None, "metadata": None}
_LIST: Final = {"prefix": None, "limit": None, "cursor": None}


class KVNamespace:
    """`env.BINDING`: names and values that outlive the service, shared by all that are bound to the namespace.

    What is written is read by whoever reads next, from any process. Options are keyword arguments or one
    dict, spelled `expirationTtl` or `expiration_ttl`. Cancelling a call leaves open whether it took effect.
    Every method raises `RpcError` where Redis refuses it, and waits while Redis is away.
    """

    def __init__(self, link: Link, keys: NamespaceKeys, now_ms: Callable[[], int]) -> None:
        self._link = link
        self._keys = keys
        self._now_ms = now_ms

    def __repr__(self) -> str:
        return f"<KV namespace {self._keys.namespace}>"

    async def get(self, key: str | Sequence[str], type: object = None, **options: Any) -> Any:  # noqa: A002 -- the seed's name
        """The value of *key*, None where there is none; of several keys a dict of their values.

        *type* is "text" (a str), "json", or "arrayBuffer" (bytes), or a dict with such a `type`.

        Raises:
            TypeError: a key or the type is impossible.
            ValueError: a key is too long, or the value is not JSON though it was to be.
        """
        return await self._get(key, "get", type, options, lambda entry: entry.value)

    async def get_with_metadata(self, key: str | Sequence[str], type: object = None, **options: Any) -> Any:  # noqa: A002 -- the seed's name
        """As `get`, but what is returned has `value` and `metadata`; of several keys a dict of such.

        Raises:
            TypeError, ValueError: as `get`.
        """
        return await self._get(key, "getWithMetadata", type, options, lambda entry: entry)

    getWithMetadata = get_with_metadata  # noqa: N815

    async def put(
        self, key: str, value: str | bytes | bytearray | memoryview, options: object = None, /, **more: Any
    ) -> None:
        """Write *value*; when this returns, every reader sees it.

        Options: `expiration` (seconds since the epoch), `expirationTtl` (seconds), each at least a
        minute ahead, and `metadata` (at most 1024 bytes of JSON).

        Raises:
            TypeError: a key, value or option is of the wrong type.
            ValueError: one is too large, or the expiry too soon.
        """
        asked = options_of("put", options, more, _WRITE)
        name, data = limits.name_bytes("PUT", key), limits.value_bytes(value)
        metadata = limits.metadata_bytes(asked["metadata"])
        till = limits.expiry_ms(asked["expiration"], asked["expirationTtl"], self._now_ms())
        keys = [self._keys.names, self._keys.values, self._keys.metadata, self._keys.expires]
        await PUT.run(self._link, keys, [name, data, metadata, "" if till is None else till, MOST_THROWN_AWAY])

    async def delete(self, key: str) -> None:
        """Delete *key*; that there is none is no mistake.

        Raises:
            TypeError, ValueError: the key is impossible.
        """
        keys = [self._keys.names, self._keys.values, self._keys.metadata, self._keys.expires]
        await DELETE.run(self._link, keys, [limits.name_bytes("DELETE", key)])

    async def list(self, options: object = None, /, **more: Any) -> ListPage:
        """A page of the names, in the order of their bytes in UTF-8.

        Options: `prefix`, `limit` (1 to 1000), and the `cursor` of the page before.

        Raises:
            TypeError: an option is of the wrong type.
            ValueError: one is out of range, or the cursor of no list.
        """
        asked = options_of("list", options, more, _LIST)
        start, end = limits.lexical_range(asked["prefix"], asked["cursor"])
        keys = [self._keys.names, self._keys.metadata, self._keys.expires]
        return read_page(await LIST.run(self._link, keys, [start, end, limits.page_size(asked["limit"])]))

    async def _get(
        self,
        key: str | Sequence[str],
        method: str,
        kind: object,
        more: Mapping[str, Any],
        shown: Callable[[ValueWithMetadata], Any],
    ) -> Any:
        options = {"type": kind} if isinstance(kind, str) else kind
        kind = options_of(method, options, more, _READ)["type"]
        # `Sequence` is what users write; a set or a generator of names is as good.
        many = not isinstance(key, str) and hasattr(key, "__iter__")
        names = list(cast("Sequence[str]", key)) if many else [key]
        if len(names) > limits.MOST_NAMES:
            raise ValueError(f"KV GET_BULK failed: 400 You can request a maximum of {limits.MOST_NAMES} keys.")
        read = reader_of(kind, many=many)
        arguments = [limits.LARGEST_VALUE, *[limits.name_bytes("GET", name) for name in names]]
        keys = [self._keys.values, self._keys.metadata, self._keys.expires]
        entries = read_entries(await GET.run(self._link, keys, arguments) if names else [1], read)
        if not many:
            return shown(entries[0])
        return {name: shown(entry) for name, entry in zip(cast("list[str]", names), entries, strict=True)}

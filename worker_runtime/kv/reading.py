"""What readers of KV get: values in the type they asked for, and pages of names."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from worker_runtime.env.record import Record
from worker_runtime.kv.limits import cursor_after


class _Record(Record):
    """A record that can be asked for a field. It is no mapping, for a page has a field called `keys`."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return name in self.__dataclass_fields__

    def get(self, name: str, default: Any = None) -> Any:
        """The field *name*, or *default* where there is none."""
        return getattr(self, name) if name in self else default


@dataclass(frozen=True, slots=True)
class ValueWithMetadata(_Record):
    """A value and what was stored beside it; both None where there is no such entry."""

    value: Any
    metadata: Any
    cacheStatus: None = None  # noqa: N815 -- the seed's spelling
    """Nothing is cached here."""


@dataclass(frozen=True, slots=True)
class ListedKey(_Record):
    """A name in a list.

    Attributes:
        name: The name.
        expiration: Seconds since the epoch at which it expires, if it does.
        metadata: What was stored beside the value, if anything was.
    """

    name: str
    expiration: int | None = None
    metadata: Any = None


@dataclass(frozen=True, slots=True)
class ListPage(_Record):
    """A page of names in the order of their bytes.

    Attributes:
        keys: The names; there may be fewer than asked for, even none, where many have expired.
        list_complete: Whether there are no more.
        cursor: What the next call of `list` needs; None on the last page.
    """

    keys: list[ListedKey]
    list_complete: bool
    cursor: str | None = None
    cacheStatus: None = None  # noqa: N815 -- the seed's spelling


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


_TYPES: Final[dict[str, Callable[[bytes], Any]]] = {
    "text": _text,
    "json": json.loads,
    "arrayBuffer": bytes,
    "bytes": bytes,
}
_OF_MANY: Final = frozenset({"text", "json"})


def reader_of(kind: object, *, many: bool) -> Callable[[bytes], Any]:
    """What makes a stored value into the type *kind*; None means text.

    Raises:
        TypeError: there is no such type, or not for *many* at once.
    """
    kind = "text" if kind is None else kind
    if many and kind not in _OF_MANY:
        raise TypeError(f'{kind!r} is not a valid type for several keys. Use "json" or "text".')
    if kind == "stream":
        raise TypeError('KV values cannot be read as streams yet. Use "arrayBuffer".')
    if not isinstance(kind, str) or kind not in _TYPES:
        raise TypeError(f'Unknown response type {kind!r}. Possible types are "text", "arrayBuffer" and "json".')
    return _TYPES[kind]


def read_entries(answer: Sequence[Any], read: Callable[[bytes], Any]) -> list[ValueWithMetadata]:
    """The entries in the answer of `kv_get`, in the order asked for.

    Raises:
        ValueError: they are too large to be read at once, or a value is no JSON though it was to be.
    """
    if answer[0] == 0:
        raise ValueError(f"KV GET failed: 413 The values have {answer[1]} bytes, too many for one call. Get fewer.")
    return [
        ValueWithMetadata(None if value is None else read(value), None if metadata is None else json.loads(metadata))
        for value, metadata in zip(answer[1::2], answer[2::2], strict=True)
    ]


def read_page(answer: Sequence[Any]) -> ListPage:
    """The page in the answer of `kv_list`."""
    complete, last, *rows = answer
    keys = [
        ListedKey(
            name.decode(),
            None if till is None else int(float(till)) // 1000,
            None if metadata is None else json.loads(metadata),
        )
        for name, till, metadata in rows
    ]
    return ListPage(keys, bool(complete), None if complete else cursor_after(last))

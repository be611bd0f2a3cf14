"""The header fields of a request or response."""

from __future__ import annotations

import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeAlias, cast

MOST_FIELDS: Final = 1024
"""Fields that one `Headers` holds at most."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_FORBIDDEN: Final = re.compile(r"[\r\n\0]")
_COOKIE: Final = "set-cookie"


class Headers(MutableMapping[str, str]):
    """Header fields: a mapping that ignores case and may hold several fields of one name.

    `headers[name]` joins fields of one name by ", ". Iteration gives the names in lower case, sorted; `items()`
    gives every `Set-Cookie` field on its own, because joined cookies cannot be told apart.

    Raises:
        TypeError: `init` is neither a mapping nor pairs of text.
        ValueError: A name is not a token, a value holds CR, LF or NUL, or there are more than 1024 fields.
    """

    __slots__ = ("_fields",)

    def __init__(self, init: HeadersInit | None = None) -> None:
        self._fields: dict[str, list[str]] = {}
        for pair in _pairs(init):
            if isinstance(pair, str) or len(pair) != 2:
                raise TypeError("Headers take a mapping or pairs of name and value.")
            self.append(pair[0], pair[1])

    def append(self, name: str, value: str) -> None:
        """Add a field; those of the same name stay.

        Raises:
            TypeError: Name or value is not text.
            ValueError: They are not legal, or there are too many fields.
        """
        key, text = _legal_name(name), _legal_value(name, value)
        if sum(map(len, self._fields.values())) >= MOST_FIELDS:
            raise ValueError(f"Headers hold at most {MOST_FIELDS} fields.")
        self._fields.setdefault(key, []).append(text)

    def get_all(self, name: str) -> list[str]:
        """The values of all fields of that name, in the order they were added; empty when there is none."""
        return list(self._fields.get(name.lower(), ()))

    def copy(self) -> Headers:
        """An independent copy."""
        return Headers(self)

    def __getitem__(self, name: str) -> str:
        return ", ".join(self._fields[name.lower()])

    def __setitem__(self, name: str, value: str) -> None:
        key, text = _legal_name(name), _legal_value(name, value)
        others = sum(len(values) for other, values in self._fields.items() if other != key)
        if others >= MOST_FIELDS:
            raise ValueError(f"Headers hold at most {MOST_FIELDS} fields.")
        self._fields[key] = [text]

    def __delitem__(self, name: str) -> None:
        del self._fields[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._fields))

    def __len__(self) -> int:
        return len(self._fields)

    def items(self) -> ItemsView[str, str]:
        """Names and values; fields of one name are joined, except `Set-Cookie`."""
        return _Items(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._fields == other._fields
        return NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- mutable, so never a key

    def __repr__(self) -> str:
        return f"Headers({list(self.items())!r})"

    def dump(self) -> list[list[str]]:
        """Every field as `[name, value]`, sorted by name; fields of one name keep their order."""
        return [[name, value] for name in self for value in self._fields[name]]

    @classmethod
    def load(cls, wire: Any) -> Headers:
        """The headers that `dump` gave.

        Raises:
            TypeError: `wire` is something else.
            ValueError: It holds a field that is not legal.
        """
        if not isinstance(wire, list):
            raise TypeError("Headers are a list of pairs.")
        return cls(cast("list[list[str]]", wire))


class _Items(ItemsView[str, str]):
    __slots__ = ()
    _mapping: Headers

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name in self._mapping:
            if name == _COOKIE:
                yield from ((name, value) for value in self._mapping.get_all(name))
            else:
                yield name, self._mapping[name]

    def __len__(self) -> int:
        return len(self._mapping) + max(0, len(self._mapping.get_all(_COOKIE)) - 1)


HeadersInit: TypeAlias = Headers | Mapping[str, str] | Iterable[tuple[str, str] | list[str]]
"""What headers are made from."""


def _pairs(init: HeadersInit | None) -> Iterable[Any]:
    if init is None:
        return ()
    if isinstance(init, Headers):
        return init.dump()
    if isinstance(init, Mapping):
        return cast("Mapping[str, str]", init).items()
    if isinstance(init, str | bytes) or not isinstance(init, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"Headers take a mapping or pairs of name and value, not {type(init).__name__}.")
    return init


def _legal_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The name of a header is text, not {type(name).__name__}.")
    if not _NAME.fullmatch(name):
        raise ValueError(f"Invalid header name {name!r:.80}.")
    return name.lower()


def _legal_value(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"The value of header {name!r} is text, not {type(value).__name__}: use str().")
    if _FORBIDDEN.search(value):
        raise ValueError(f"The value of header {name!r:.80} holds a line break or NUL.")
    return str(value).strip(" \t")

"""The fields of an HTML form."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, Mapping, MutableMapping, ValuesView
from typing import Any, TypeAlias, cast

from broker.http.blob import Blob, File

FormValue: TypeAlias = str | File
"""What a field holds."""


class FormData(MutableMapping[str, FormValue]):
    """Form fields in the order they were added: a mapping that may hold several fields of one name.

    `form[name]` is the first field of that name, and setting it replaces all of them. Iteration gives a name as often
    as it has fields. A blob becomes a file, called `blob` unless it is given a name.

    Raises:
        TypeError: `init` is neither a mapping nor pairs, or a value is neither text nor a blob.
    """

    __slots__ = ("_fields",)

    def __init__(self, init: FormInit | None = None) -> None:
        self._fields: list[tuple[str, FormValue]] = []
        for name, value in _pairs(init):
            self.append(name, value)

    def append(self, key: str, value: str | Blob, filename: str | None = None) -> None:
        """Add a field; those of the same name stay.

        Raises:
            TypeError: The name is not text, or the value neither text nor a blob, or text is given a file name.
        """
        self._fields.append((_legal_name(key), _legal_value(key, value, filename)))

    def get_all(self, key: str) -> list[FormValue]:
        """The values of all fields of that name, in order; empty when there is none."""
        return [value for name, value in self._fields if name == key]

    def delete(self, key: str) -> None:
        """Remove all fields of that name; it is no mistake when there is none."""
        self._fields = [field for field in self._fields if field[0] != key]

    def dump(self) -> list[Any]:
        """Every field as `[name, value]`, in order."""
        return [[name, value] for name, value in self._fields]

    @classmethod
    def load(cls, wire: Any) -> FormData:
        """The form that `dump` gave.

        Raises:
            TypeError: `wire` is something else.
        """
        return cls(wire)

    def __getitem__(self, key: str) -> FormValue:
        for name, value in self._fields:
            if name == key:
                return value
        raise KeyError(key)

    def __setitem__(self, key: str, value: str | Blob) -> None:
        field = (_legal_name(key), _legal_value(key, value, None))
        at = next((place for place, (name, _) in enumerate(self._fields) if name == key), len(self._fields))
        after = [other for other in self._fields[at:] if other[0] != key]
        self._fields = [*self._fields[:at], field, *after]

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.delete(key)

    def __contains__(self, key: object) -> bool:
        return any(name == key for name, _ in self._fields)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._fields])

    def __len__(self) -> int:
        return len(self._fields)

    def items(self) -> ItemsView[str, FormValue]:
        """Names and values, one pair for each field."""
        return _Items(self)

    def values(self) -> ValuesView[FormValue]:
        """The value of each field."""
        return _Values(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FormData):
            return self._fields == other._fields
        return NotImplemented

    __hash__ = None  # pyright: ignore[reportAssignmentType] -- mutable, so never a key

    def __repr__(self) -> str:
        return f"FormData({self._fields!r})"


FormInit: TypeAlias = FormData | Mapping[str, str | Blob] | Iterable[tuple[str, str | Blob]]
"""What a form is made from."""


class _Items(ItemsView[str, FormValue]):
    __slots__ = ()
    _mapping: FormData

    def __iter__(self) -> Iterator[tuple[str, FormValue]]:
        return iter(_fields_of(self._mapping))


class _Values(ValuesView[FormValue]):
    __slots__ = ()
    _mapping: FormData

    def __iter__(self) -> Iterator[FormValue]:
        return iter([value for _, value in _fields_of(self._mapping)])


def _fields_of(form: FormData) -> list[tuple[str, FormValue]]:
    return list(form._fields)  # pyright: ignore[reportPrivateUsage] -- of this module


def _pairs(init: object) -> list[tuple[str, str | Blob]]:
    given: object = () if init is None else init
    if isinstance(given, Mapping):
        given = cast("Mapping[str, str]", given).items()
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        pairs = list(cast("Iterable[Any]", given))
        if all(isinstance(pair, tuple | list) and len(cast("list[Any]", pair)) == 2 for pair in pairs):
            return pairs
    raise TypeError(f"FormData takes a mapping or pairs of name and value, not {type(init).__name__}.")


def _legal_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"The name of a form field is text, not {type(name).__name__}.")
    return name


def _legal_value(name: str, value: object, filename: str | None) -> FormValue:
    if isinstance(value, str):
        if filename is not None:
            raise TypeError(f"The form field {name!r:.80} is text, which has no file name: make it a Blob.")
        return value
    if isinstance(value, File) and filename is None:
        return value
    if isinstance(value, Blob):
        modified = value.last_modified if isinstance(value, File) else None
        return File(value, "blob" if filename is None else filename, last_modified=modified)
    raise TypeError(f"The form field {name!r:.80} is text or a Blob, not {type(value).__name__}: use str().")

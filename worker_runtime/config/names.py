"""The one namespace of `env`: every binding, variable and secret needs a name of its own."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from worker_runtime.config import keys
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes
from worker_runtime.config.tables import as_list, as_table

_UNIQUE = "Bindings must have unique names, so that they can all be referenced in the worker."
_NESTED = {"queues": "producers", "durable_objects": "bindings", "unsafe": "bindings"}
_NAMED_BY_KEY = frozenset({"wasm_modules", "text_blobs", "data_blobs"})


def check_unique(section: Section, variables: Iterable[str], secrets: Iterable[str], mistakes: Mistakes) -> None:
    """Add a mistake for every name that two bindings share, whatever their kinds."""
    places: dict[str, list[str]] = defaultdict(list)
    for key in sorted((keys.SERVED_BINDINGS | keys.BINDINGS_TO_COME) & section.keys.keys()):
        for name, place in _names(key, section):
            places[name].append(place)
    for name in variables:
        places[name].append(f"vars.{name}")
    for name in secrets:
        places[name].append(f"the secret {name}")
    for name, used in places.items():
        if len(used) > 1:
            mistakes.add(name, f"is the name of {' and of '.join(used)}. {_UNIQUE}", "Rename all but one.")


def _names(key: str, section: Section) -> Iterator[tuple[str, str]]:
    place = key if key in keys.INHERITED_BINDINGS else section.place(key)
    value = section.keys[key]
    table = as_table(value)
    if table is not None and key in _NAMED_BY_KEY:
        yield from ((name, f"{place}.{name}") for name in table)
    elif table is not None and key in _NESTED:
        yield from _rows(table.get(_NESTED[key]), f"{place}.{_NESTED[key]}")
    elif table is not None:
        yield from _row(table, place)
    else:
        yield from _rows(value, place)


def _rows(value: object, place: str) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(as_list(value) or []):
        if (row := as_table(item)) is not None:
            yield from _row(row, f"{place}[{index}]")


def _row(row: Mapping[str, object], place: str) -> Iterator[tuple[str, str]]:
    name = row.get("binding", row.get("name"))
    if isinstance(name, str):
        yield name, place

"""Why a value cannot cross, and where in it that stands: looked for only once it has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from broker.errors import DataCloneError
from broker.nesting import CONTAINERS, DEEPEST, SCALARS, extension_of
from broker.references import Dumping
from broker.values import Unsupported, substitute

Parts = Iterable[tuple[str, object]]
"""What a value consists of: for each part its name in error messages, and the part."""

Pack = Callable[[object], object]
"""Packs a value that holds no references, or fails."""


def too_deep_error() -> DataCloneError:
    """What is raised of a value that is nested too deeply."""
    return DataCloneError(f"Could not serialize the value: it is nested more than {DEEPEST} levels deep.")


def explain(parts: Parts, error: Exception, references: Dumping | None, pack: Pack) -> DataCloneError:
    """What is raised of a value that consists of *parts* and could not be packed because of *error*."""
    try:
        found = next((found for name, part in parts if (found := _find(part, name, [], references, pack))), None)
    except RecursionError:
        found = None
    return found or DataCloneError(f"Could not serialize the value: {error}.")


def _find(value: Any, path: str, above: list[int], references: Dumping | None, pack: Pack) -> DataCloneError | None:
    """The reason why *value* cannot cross, with the path to the part that cannot."""
    if id(value) in above:
        return DataCloneError(f"Could not serialize the value at {path or 'the top'}: it contains itself.")
    if len(above) >= DEEPEST:
        return too_deep_error()
    if type(value) in CONTAINERS:
        return _find_inside(value, path, [*above, id(value)], references, pack)
    try:
        if references is not None and references.dump(value) is not None:
            return None
        inner = substitute(value) if _substituted(value) else value
        if inner is not value:
            return _find(inner, path, [*above, id(value)], references, pack)
        pack(value)
    except Unsupported as error:
        return _refusal(value, path, str(error))
    except UnicodeEncodeError:
        return _refusal(value, path, "It holds a lone surrogate, which is no character.")
    except Exception as error:
        return _refusal(value, path, f"{type(error).__name__}: {error!s:.200}")
    return None


def _substituted(value: Any) -> bool:
    return type(value) not in SCALARS and extension_of(value) is None


def _find_inside(
    value: Any, path: str, above: list[int], references: Dumping | None, pack: Pack
) -> DataCloneError | None:
    if type(value) is dict:
        items = cast("dict[Any, Any]", value)
        parts = [(f"a key of {path or 'the top'}", key) for key in items]
        parts += [(f"{path}[{key!r:.40}]", item) for key, item in items.items()]
    else:
        parts = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    for place, item in parts:
        found = _find(item, place, above, references, pack)
        if found is not None:
            return found
    return None


def _refusal(value: Any, path: str, why: str) -> DataCloneError:
    place = f" It stands at {path}." if path else ""
    return DataCloneError(
        f'Could not serialize object of type "{type(value).__name__}". '
        f"This type does not support serialization.{place} {why}"
    )

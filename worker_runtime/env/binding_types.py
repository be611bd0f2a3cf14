"""The types of bindings: what a service says by `env: Env`, a class with an annotation for each binding."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from broker.errors import ConfigurationError

_log: Final = logging.getLogger("callyard.worker")


def types_of_env(entrypoints: Iterable[type]) -> dict[str, type]:
    """The class that *entrypoints* give each binding; what cannot be resolved here is for type checkers only.

    Raises:
        ConfigurationError: two entrypoints of one service say different things of a binding.
    """
    found: dict[str, type] = {}
    for cls in entrypoints:
        env = _annotated(cls, "env")
        for name, like in _classes_in(env) if isinstance(env, type) else ():
            if found.setdefault(name, like) is not like:
                raise ConfigurationError(
                    f"env.{name} is a {found[name].__qualname__} here and a {like.__qualname__} there.",
                    fix="Give it the same type in all entrypoints of the service.",
                )
    return found


def _classes_in(env: type) -> Iterator[tuple[str, type]]:
    for base in env.__mro__:
        for name in _annotations(base):
            like = _annotated(base, name)
            # Variables are what the configuration has, whatever their type.
            if isinstance(like, type) and like.__module__ != "builtins":
                yield name, like


def _annotated(cls: type, name: str) -> Any:
    """What the nearest class that annotates *name* means by it; None where that is known to type checkers only."""
    for base in cls.__mro__:
        given = _annotations(base).get(name)
        if given is None:
            continue
        if not isinstance(given, str):
            return given
        try:
            return eval(given, vars(sys.modules[base.__module__]))  # noqa: S307 -- the service's own annotation
        except Exception as error:
            # Most often a name that is imported under TYPE_CHECKING.
            _log.debug("%s.%s: %r is not known when the program runs: %s", base.__qualname__, name, given, error)
            return None
    return None


def _annotations(cls: type) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)

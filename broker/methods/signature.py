"""What a method's signature says: its parameters without `self`, with annotations that are types again."""

from __future__ import annotations

import inspect
import logging
import sys
import typing
from collections.abc import Callable
from functools import partialmethod, singledispatchmethod
from types import SimpleNamespace
from typing import Any, Final

from broker.errors import ConfigurationError

_log: Final = logging.getLogger("callyard.worker")


def signature_of(member: Any, owner: type, name: str) -> inspect.Signature:
    """The signature of *member* of *owner* as its callers see it.

    An annotation that cannot be resolved, such as a name imported only under `TYPE_CHECKING`, is
    logged once and becomes `Any`.

    Raises:
        ConfigurationError: The method cannot take `self`.
    """
    signature = _bound_signature(member, owner, name)
    spaces = _namespaces(member, owner)

    def resolved(annotation: Any, what: str) -> Any:
        if annotation is inspect.Parameter.empty:
            return annotation
        try:
            return _evaluate(annotation, spaces)
        except Exception as error:
            _log.warning(
                "%s.%s(): the annotation of %s cannot be resolved and is not checked: %s",
                owner.__qualname__, name, what, error,
            )  # fmt: skip
            return Any

    parameters = [
        parameter.replace(annotation=resolved(parameter.annotation, f"parameter '{parameter.name}'"))
        for parameter in signature.parameters.values()
    ]
    returned = resolved(signature.return_annotation, "the result")
    return signature.replace(parameters=parameters, return_annotation=returned)


def shown_signature(signature: inspect.Signature, owner: type) -> str:
    """*signature* as people read it: `None` for the type of None, and the classes of *owner*'s own module by name."""
    return str(signature).replace(f"{owner.__module__}.", "").replace("-> NoneType", "-> None")


def _bound_signature(member: Any, owner: type, name: str) -> inspect.Signature:
    try:
        bound = member.__get__(object(), owner)
        if sys.version_info >= (3, 14):
            import annotationlib

            return inspect.signature(bound, annotation_format=annotationlib.Format.FORWARDREF)
        return inspect.signature(bound)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{owner.__qualname__}.{name}() cannot be a method: {error}.", fix="Give it `self` as its first parameter."
        ) from error


def _namespaces(member: Any, owner: type) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    while isinstance(member, partialmethod | singledispatchmethod):
        member = typing.cast("Any", member).func
    function: Callable[..., Any] = inspect.unwrap(member)
    known: dict[str, Any] = getattr(function, "__globals__", None) or vars(sys.modules[owner.__module__])
    # The class itself comes second: a method named `list` must not hide the type from its neighbours.
    return [(known, {}), (known, dict(vars(owner)))]


def _evaluate(annotation: Any, spaces: list[tuple[dict[str, Any], dict[str, Any]]]) -> Any:
    holder: Any = SimpleNamespace(__annotations__={"it": annotation})
    for known, local in spaces[:-1]:
        try:
            return typing.get_type_hints(holder, known, local, include_extras=True)["it"]
        except NameError:
            continue
    return typing.get_type_hints(holder, *spaces[-1], include_extras=True)["it"]

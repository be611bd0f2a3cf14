"""What a method's signature says: its parameters without `self`, with annotations that are types again."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import typing
from collections.abc import Callable
from enum import Enum
from functools import partialmethod, singledispatchmethod
from types import SimpleNamespace
from typing import Any, Final

from broker.errors import ConfigurationError
from broker.methods.spelling import spell_type, spell_value

_log: Final = logging.getLogger("callyard.worker")
_PREFIX: Final = re.compile(r"""('[^']*'|"[^"]*")|(?<![\w.])(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])""")
"""The module before a name; what stands in quotes is left alone."""


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


def spelled(signature: inspect.Signature) -> str:
    """*signature* as people write it: names of types without their modules, `...` for defaults that no code spells."""
    parameters = [
        parameter.replace(
            annotation=_spelled_annotation(parameter.annotation), default=_spelled_default(parameter.default)
        )
        for parameter in signature.parameters.values()
    ]
    return str(
        signature.replace(parameters=parameters, return_annotation=_spelled_annotation(signature.return_annotation))
    )


def written(member: Any) -> Any:
    """The function that somebody wrote for *member*."""
    while isinstance(member, partialmethod | singledispatchmethod):
        member = typing.cast("Any", member).func
    return member


class _Spelled:
    """Something that reads as *text*."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _spelled_annotation(annotation: Any) -> Any:
    return annotation if annotation is inspect.Signature.empty else _Spelled(spell_type(annotation))


def _spelled_default(default: Any) -> Any:
    if isinstance(default, Enum):
        return _Spelled(spell_value(default))
    if default is inspect.Parameter.empty or isinstance(default, str):
        return default
    text = repr(default)
    return _Spelled("..." if "<" in text else _PREFIX.sub(r"\1", text))


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
    function: Callable[..., Any] = inspect.unwrap(written(member))
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

"""Checking and converting arguments: compiled once for a method, then one call into pydantic for each call."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ArgsKwargs

from broker.errors import InvalidArguments
from broker.methods.mismatch import explain

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Validate = Callable[[Sequence[Any], Mapping[str, Any]], Arguments]

_log: Final = logging.getLogger("callyard.worker")
_CONFIG: Final = ConfigDict(arbitrary_types_allowed=True)
_ABSENT: Final = object()


def compile_validation(label: str, signature: inspect.Signature) -> tuple[Validate, inspect.Signature]:
    """Compile the check of a method's arguments; *label* is what errors call the method.

    What comes out has positional arguments where the caller gave positional ones, and leaves
    defaults to the method. The second value is *signature* with `Any` for each parameter of a type
    that cannot be checked; each of those is logged.
    """
    signature = signature.replace(parameters=[_checkable(label, p) for p in signature.parameters.values()])
    check = _adapter([_without_default(p) for p in signature.parameters.values()]).validator.validate_python
    strip = any(p.default is not p.empty for p in signature.parameters.values())

    def validate(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        try:
            checked = check(ArgsKwargs(tuple(args), kwargs), by_alias=True, by_name=True)  # pyright: ignore[reportArgumentType]
        except ValidationError as error:
            message = explain(error, signature, args)
        except Exception as error:
            # A validator of the service's own broke; its text may hold what it was given.
            message = f"the arguments could not be checked ({type(error).__name__})"
        else:
            return _without_absent(*checked) if strip else checked
        raise InvalidArguments(f"{label}: {message}")

    return validate, signature


def parameters_schema(signature: inspect.Signature) -> dict[str, Any]:
    """The JSON schema of the arguments as one object with a property for each parameter."""
    named = [
        p if p.kind is p.VAR_KEYWORD else p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in signature.parameters.values()
        if p.kind is not p.VAR_POSITIONAL
    ]
    return schema_of(_adapter(named), mode="validation")


def result_schema(signature: inspect.Signature) -> dict[str, Any]:
    """The JSON schema of the result; empty where the annotation says nothing that JSON can say."""
    if signature.return_annotation is signature.empty:
        return {}
    try:
        return schema_of(TypeAdapter(signature.return_annotation), mode="serialization")
    except Exception:
        return {}


def schema_of(adapter: TypeAdapter[Any], *, mode: Any) -> dict[str, Any]:
    """The JSON schema of *adapter*, `{}` in the place of what JSON cannot describe."""
    from broker.methods.schema import LenientSchema

    return adapter.json_schema(schema_generator=LenientSchema, mode=mode)


def _adapter(parameters: Sequence[inspect.Parameter]) -> TypeAdapter[Any]:
    # pydantic checks the arguments of a function and calls it with them: this one hands them back.
    def capture(*args: Any, **kwargs: Any) -> Arguments:
        return args, kwargs

    described: Any = capture
    described.__signature__ = inspect.Signature(parameters)
    described.__annotations__ = {p.name: p.annotation for p in parameters if p.annotation is not p.empty}
    return TypeAdapter(described, config=_CONFIG)


def _checkable(label: str, parameter: inspect.Parameter) -> inspect.Parameter:
    try:
        _adapter([parameter])
    except Exception as error:
        reason = str(error).partition("\n")[0]
        _log.warning("%s: the type of parameter '%s' cannot be checked: %s", label, parameter.name, reason)
        return parameter.replace(annotation=Any)
    return parameter


def _without_default(parameter: inspect.Parameter) -> inspect.Parameter:
    # pydantic would fill in defaults, as keyword arguments; only those of a `Field` are meant for it.
    if parameter.default is parameter.empty or isinstance(parameter.default, FieldInfo):
        return parameter
    return parameter.replace(default=_ABSENT)


def _without_absent(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    while args and args[-1] is _ABSENT:
        args = args[:-1]
    return args, {name: value for name, value in kwargs.items() if value is not _ABSENT}

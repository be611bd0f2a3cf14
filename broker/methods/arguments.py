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
from broker.methods.reference_types import with_markers
from broker.methods.streamed import CheckedReferences
from broker.methods.strictness import strict_validator

Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Validate = Callable[[Sequence[Any], Mapping[str, Any]], Arguments]

_log: Final = logging.getLogger("callyard.worker")
_CONFIG: Final = ConfigDict(arbitrary_types_allowed=True)
_ABSENT: Final = object()


def compile_validation(
    label: str, signature: inspect.Signature, *, strict: bool = False, own: type | None = None
) -> tuple[Validate, inspect.Signature]:
    """Compile the check of a method's arguments; *label* is what errors call the method.

    A *strict* one refuses what would have to be converted; *own* is the class that `Self` means.

    What comes out has positional arguments where the caller gave positional ones, and leaves
    defaults to the method. Items of a stream are checked when the method reads them. The second value is *signature*
    with the types that are checked: `Any` for each parameter of a type that cannot be, which is logged, and markers for
    what travels by reference.
    """
    signature = signature.replace(parameters=[_checkable(label, p, own) for p in signature.parameters.values()])
    adapter = adapter_of([_without_default(p) for p in signature.parameters.values()])
    check = (strict_validator(adapter) if strict else adapter.validator).validate_python
    handling = CheckedReferences(label, _wrong_item)
    strip = any(p.default is not p.empty for p in signature.parameters.values())

    def validate(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Arguments:
        try:
            given: Any = ArgsKwargs(tuple(args), kwargs)  # pyright: ignore[reportArgumentType]
            checked = check(given, by_alias=True, by_name=True, context=handling)
        except ValidationError as error:
            message = explain(error, signature, args)
        except Exception as error:
            # A validator of the service's own broke; its text may hold what it was given.
            message = f"the arguments could not be checked ({type(error).__name__})"
        else:
            return _without_absent(*checked) if strip else checked
        raise InvalidArguments(f"{label}: {message}")

    return validate, signature


def adapter_of(parameters: Sequence[inspect.Parameter]) -> TypeAdapter[Any]:
    """What checks arguments against *parameters* and gives them back."""

    # pydantic checks the arguments of a function and calls it with them: this one hands them back.
    def capture(*args: Any, **kwargs: Any) -> Arguments:
        return args, kwargs

    described: Any = capture
    described.__signature__ = inspect.Signature(parameters)
    described.__annotations__ = {p.name: p.annotation for p in parameters if p.annotation is not p.empty}
    return TypeAdapter(described, config=_CONFIG)


def _wrong_item(message: str) -> InvalidArguments:
    # It comes while the method runs.
    return InvalidArguments(message, executed="yes")


def _checkable(label: str, parameter: inspect.Parameter, own: type | None) -> inspect.Parameter:
    try:
        marked = with_markers(parameter.annotation, f"parameter '{parameter.name}'", own=own)
        parameter = parameter.replace(annotation=marked)
        adapter_of([parameter])
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

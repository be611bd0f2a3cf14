"""What the registry says of a method: plain values, from which people, command lines and type checkers learn it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final

from pydantic.fields import FieldInfo

from broker.methods.arguments import adapter_of
from broker.methods.reference_types import stream_of
from broker.methods.schema import LenientSchema, ResultSchema, adapter_for, schema_of
from broker.methods.targets import Targets

KINDS: Final = {
    inspect.Parameter.POSITIONAL_ONLY: "positional",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "any",
    inspect.Parameter.VAR_POSITIONAL: "rest",
    inspect.Parameter.KEYWORD_ONLY: "keyword",
    inspect.Parameter.VAR_KEYWORD: "named",
}
"""How a parameter is given: `rest` stands for `*args`, `named` for `**kwargs`."""


def describe_result(returned: Any, targets: Targets, *, stream: bool) -> dict[str, Any]:
    """`stream`, and under `returns` the JSON schema of the result, of a stream that of its items."""
    marker, items = stream_of(returned)
    if marker is not None and (stream or marker.strict):
        stream, returned = True, items
    return {"stream": stream, "returns": _schema(returned, ResultSchema, targets)}


def describe_parameters(signature: inspect.Signature, targets: Targets) -> dict[str, Any]:
    """`takes`, the parameters in their order, and `parameters`, the JSON schema of all of them as one object.

    The schema under `rest` is that of each further positional argument, where the method takes any.
    """
    listed = list(signature.parameters.values())
    takes = [{"name": p.name, "kind": KINDS[p.kind], "optional": _optional(p)} for p in listed]
    described: dict[str, Any] = {"takes": takes, "parameters": _parameters_schema(listed, targets)}
    for p in listed:
        if p.kind is p.VAR_POSITIONAL:
            described["rest"] = _schema(p.annotation, LenientSchema, targets)
    return described


def _optional(parameter: inspect.Parameter) -> bool:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        return True
    default: object = parameter.default
    return default is not parameter.empty and not (isinstance(default, FieldInfo) and default.is_required())


def _parameters_schema(parameters: Sequence[inspect.Parameter], targets: Targets) -> dict[str, Any]:
    named = [
        p if p.kind is p.VAR_KEYWORD else p.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for p in parameters
        if p.kind is not p.VAR_POSITIONAL
    ]
    return schema_of(adapter_of(named), LenientSchema, targets)


def _schema(annotation: Any, generator: type[LenientSchema], targets: Targets) -> dict[str, Any]:
    """The JSON schema of *annotation*; empty where it says nothing that JSON can say."""
    if annotation is inspect.Signature.empty:
        return {}
    try:
        return schema_of(adapter_for(annotation), generator, targets)
    except Exception:
        return {}

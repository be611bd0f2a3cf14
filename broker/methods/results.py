"""Checking results: what a method returns is what its annotation promises, or its caller gets an error that says so."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from broker.methods.checking import Checking
from broker.methods.mismatch import explain_result
from broker.methods.streamed import CheckedReferences
from broker.methods.strictness import strict_validator

CheckResult = Callable[[Any], Any]

_UNCHECKED: Final = frozenset({"any", "call", "callable", "generator", "is-instance", "is-subclass", "custom-error"})
"""Types whose values are made step by step, or are nobody's business: checking would spoil them."""


def compile_result(label: str, returned: Any, checking: Checking) -> CheckResult | None:
    """Compile the check of a method's result; None where its annotation promises nothing that can be checked.

    The check gives the result, converted as arguments are, and streams in it such that each item is checked when it is
    read. *returned* is the annotation, with markers for what travels by reference.
    Where the value does not fit, it raises `TypeError`: the method broke its own promise, after it had run.
    """
    if not checking.results or returned is inspect.Signature.empty or returned is Any:
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(returned)
        if _mentions(adapter.core_schema, _UNCHECKED):
            return None
        check = (strict_validator(adapter) if checking.strict else adapter.validator).validate_python
    except Exception:
        # A class that pydantic does not know: a stub, say. It either travels or says why not.
        return None

    handling = CheckedReferences(label, TypeError)

    def check_result(value: Any) -> Any:
        try:
            return check(value, by_alias=True, by_name=True, context=handling)
        except ValidationError as error:
            message = explain_result(error)
        except Exception as error:
            message = f"could not be checked ({type(error).__name__})"
        raise TypeError(f"{label}: the result {message}")

    return check_result


def _mentions(node: Any, kinds: frozenset[str]) -> bool:
    if isinstance(node, dict):
        schema = cast("dict[str, Any]", node)
        kind = schema.get("type")
        return (isinstance(kind, str) and kind in kinds) or any(
            _mentions(value, kinds) for key, value in schema.items() if key not in ("metadata", "serialization")
        )
    return isinstance(node, list | tuple) and any(_mentions(item, kinds) for item in cast("list[Any]", node))

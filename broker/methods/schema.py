"""JSON schemas that leave out what JSON cannot describe instead of failing.

Values travel as Python's, not as JSON, so the schema of what JSON has no word for carries the name of its type under
`x-python`, and that of a dict whose keys are no text the schema of the keys under `x-python-keys`. What travels by
reference is a `stream` of `items`, a `function` that `takes` and `returns`, or under `x-target` the name of a class,
under `x-entrypoint` that of an entrypoint of the service.
Fields go by the names of their attributes: that is how models and dataclasses travel.
"""

from __future__ import annotations

from enum import Flag
from typing import Any, Final, cast

from pydantic import ConfigDict, PydanticUserError, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from broker.http import Headers, Request, Response
from broker.methods.reference_types import REFERENCE, FunctionType, ObjectType, StreamType
from broker.methods.targets import Targets

PYTHON: Final = "x-python"
PYTHON_KEYS: Final = "x-python-keys"
TARGET: Final = "x-target"
ENTRYPOINT: Final = "x-entrypoint"
FUNCTION: Final = "x-function"
"""In the place of a function while the rest of a schema is made: its number."""
_TRAVELLING: Final = (Headers, Request, Response)


class LenientSchema(GenerateJsonSchema):
    """Generates `{}`, which allows anything, for types without a JSON schema."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012
    targets: Targets
    """Where classes of objects that travel by reference get their names."""
    functions: list[FunctionType]
    """The functions met so far."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Allow anything where *schema* has no JSON counterpart; say which of our own classes it is."""
        cls = schema.get("cls")
        return {PYTHON: cls.__name__} if cls in _TRAVELLING else {}

    def function_plain_schema(self, schema: Any) -> JsonSchemaValue:
        """The name of a class whose objects travel by reference, or a function."""
        marker = schema.get("metadata", {}).get(REFERENCE)
        if isinstance(marker, FunctionType):
            self.functions.append(marker)
            return {FUNCTION: len(self.functions) - 1}
        if not isinstance(marker, ObjectType):
            return super().function_plain_schema(schema)
        if (entrypoint := self.targets.entrypoint(marker.cls)) is not None:
            return {ENTRYPOINT: entrypoint}
        name = self.targets.name_of(marker.cls)
        return {PYTHON: "RpcStub"} if name is None else {TARGET: name}

    def function_wrap_schema(self, schema: Any) -> JsonSchemaValue:
        """A stream."""
        marker, inner = schema.get("metadata", {}).get(REFERENCE), super().function_wrap_schema(schema)
        return {PYTHON: "stream", "items": inner} if isinstance(marker, StreamType) else inner

    def enum_schema(self, schema: Any) -> JsonSchemaValue:
        """The values of an enum; flags may be combined to others."""
        return {"type": "integer"} if issubclass(schema["cls"], Flag) else super().enum_schema(schema)

    def tuple_schema(self, schema: Any) -> JsonSchemaValue:
        """An array that is a tuple."""
        return {**super().tuple_schema(schema), PYTHON: "tuple"}

    def frozenset_schema(self, schema: Any) -> JsonSchemaValue:
        """An array that is a frozenset."""
        return {**super().frozenset_schema(schema), PYTHON: "frozenset"}

    def bytes_schema(self, schema: Any) -> JsonSchemaValue:
        """A text that is bytes."""
        return {**super().bytes_schema(schema), PYTHON: "bytes"}

    def decimal_schema(self, schema: Any) -> JsonSchemaValue:
        """A number or text that is a decimal."""
        return {**super().decimal_schema(schema), PYTHON: "Decimal"}

    def dict_schema(self, schema: Any) -> JsonSchemaValue:
        """An object; JSON's have text for keys, ours need not."""
        found = super().dict_schema(schema)
        keys = schema.get("keys_schema")
        if keys is None or keys["type"] in ("str", "any"):
            return found
        return {**found, PYTHON_KEYS: self.generate_inner(keys)}


class ResultSchema(LenientSchema):
    """The schema of what a method returns: there every field of a model or dataclass is present."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 -- as its base has it
        """Whether the field is always there."""
        return field["type"] != "typed-dict-field" or super().field_is_required(field, total)


def schema_of(adapter: TypeAdapter[Any], generator: type[LenientSchema], targets: Targets) -> dict[str, Any]:
    """The JSON schema of *adapter*, `{}` in the place of what JSON cannot describe."""
    functions: list[FunctionType] = []
    # A class of its own: pydantic makes the generator, and takes nothing else to give to it.
    named = type(generator.__name__, (generator,), {"targets": targets, "functions": functions})
    schema = adapter.json_schema(schema_generator=named, by_alias=False)
    return _with_functions(schema, [_function(each, generator, targets) for each in functions]) if functions else schema


def _function(marker: FunctionType, generator: type[LenientSchema], targets: Targets) -> dict[str, Any]:
    """A function; each part of it is a document with definitions of its own: what one side gives the other takes."""
    other = LenientSchema if generator is ResultSchema else ResultSchema
    described: dict[str, Any] = {PYTHON: "function", "returns": _part(marker.returns, generator, targets)}
    if marker.takes is not None:
        described["takes"] = [_part(each, other, targets) for each in marker.takes]
    return described


def _part(annotation: Any, generator: type[LenientSchema], targets: Targets) -> dict[str, Any]:
    try:
        return schema_of(adapter_for(annotation), generator, targets)
    except Exception:
        # A type that pydantic does not know: a function may have any.
        return {}


def _with_functions(value: Any, functions: list[dict[str, Any]]) -> Any:
    if isinstance(value, dict):
        schema = cast("dict[str, Any]", value)
        filled: dict[str, Any] = {key: _with_functions(item, functions) for key, item in schema.items()}
        if FUNCTION in filled:
            number: int = filled.pop(FUNCTION)
            filled |= functions[number]
        return filled
    if isinstance(value, list):
        return [_with_functions(item, functions) for item in cast("list[Any]", value)]
    return value


def adapter_for(annotation: Any) -> TypeAdapter[Any]:
    """What checks values of *annotation*, whatever class may stand in it."""
    try:
        return TypeAdapter(annotation, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticUserError:
        # Models and dataclasses have a configuration of their own and may not be given one.
        return TypeAdapter(annotation)

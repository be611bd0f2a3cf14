"""JSON schemas that leave out what JSON cannot describe instead of failing."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue


class LenientSchema(GenerateJsonSchema):
    """Generates `{}`, which allows anything, for types without a JSON schema."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Allow anything where *schema* has no JSON counterpart."""
        return {}

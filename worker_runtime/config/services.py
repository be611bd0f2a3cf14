"""The `services` list: bindings to other services."""

from collections.abc import Mapping
from typing import cast

from pydantic import ValidationError

from worker_runtime.config import notes
from worker_runtime.config.environments import Section
from worker_runtime.config.mistakes import Mistakes, reasons
from worker_runtime.config.model import ServiceBinding
from worker_runtime.config.tables import as_list, as_table, not_json, shown

_KEYS = ("binding", "service", "entrypoint", "props", "environment", "remote")
_FIX = 'Write binding = "NAME" and service = "name-of-the-service".'


def service_bindings(section: Section, mistakes: Mistakes) -> tuple[tuple[ServiceBinding, ...], list[str]]:
    """Return the bindings that are right, and notes; what is wrong is added to `mistakes`."""
    place, found, said = section.place("services"), list[ServiceBinding](), list[str]()
    given = section.keys.get("services", [])
    items = as_list(given)
    if items is None:
        mistakes.add(place, f'The field "{place}" should be an array but got {shown(given)}.', "Write [[services]].")
        return (), []
    for index, item in enumerate(items):
        key = f"{place}[{index}]"
        if (row := as_table(item)) is None:
            mistakes.add(key, f'"services" bindings should be objects, but got {shown(item)}.', _FIX)
        elif (binding := _binding(row, key, mistakes)) is not None:
            found.append(binding)
            said += _notes(row, key, binding)
    return tuple(found), said


def _binding(row: dict[str, object], key: str, mistakes: Mistakes) -> ServiceBinding | None:
    before = len(mistakes.found)
    for part, nature in not_json(row.get("props"), f"{key}.props"):
        mistakes.add(part, f"should be a JSON value but got {nature}.", "Write it as text.")
    if "environment" in row and not isinstance(row["environment"], str):
        mistakes.add(key, _wants_text("environment", key, row), _FIX)
    try:
        binding = ServiceBinding.model_validate(_with_environment(row))
    except ValidationError as error:
        for field, kind, reason in reasons(error):
            _explain(field, kind, reason, key, row, mistakes)
        return None
    return binding if len(mistakes.found) == before else None


def _with_environment(row: Mapping[str, object]) -> dict[str, object]:
    service, environment = row.get("service"), row.get("environment")
    if isinstance(service, str) and isinstance(environment, str):
        return {**row, "service": f"{service}-{environment}"}
    return dict(row)


def _explain(field: str, kind: str, reason: str, key: str, row: Mapping[str, object], mistakes: Mistakes) -> None:
    if kind == "value_error":
        mistakes.add(f"{key}.{field}", f"{reason}.")
    elif field == "props":
        problem = f'"{key}" bindings should have an object "props" field but got {shown(row["props"])}.'
        mistakes.add(f"{key}.props", problem, 'Write props = { name = "value" }.')
    else:
        mistakes.add(key, _wants_text(field, key, row), _FIX)


def _wants_text(field: str, key: str, row: Mapping[str, object]) -> str:
    return f'"{key}" bindings should have a string "{field}" field but got {shown(cast("object", row))}.'


def _notes(row: Mapping[str, object], key: str, binding: ServiceBinding) -> list[str]:
    said = list(notes.on_unknown(row, _KEYS, prefix=f"{key}."))
    if "environment" in row:
        said.append(f'{key}.environment: deprecated; write service = "{binding.service}" instead')
    if "remote" in row:
        said.append(f"{key}.remote: has no effect here: ignored")
    return said

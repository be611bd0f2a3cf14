"""Lists of bindings: their rows, and each row as what it describes."""

from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError

from worker_runtime.config.mistakes import Mistakes, reasons
from worker_runtime.config.tables import as_list, as_table, shown

_Model = TypeVar("_Model", bound=BaseModel)


def rows(given: object, place: str, fix: str, mistakes: Mistakes) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield where each row of a list of tables stands, and the row; what is no such list is added to `mistakes`.

    Args:
        given: What the configuration has there; None where it has nothing.
        place: How the list is written, such as "queues.producers".
        fix: What to write.
        mistakes: Where to say what is wrong.
    """
    items = [] if given is None else as_list(given)
    if items is None:
        mistakes.add(place, f'The field "{place}" should be an array but got {shown(given)}.', f"Write [[{place}]].")
        return
    for index, item in enumerate(items):
        if (row := as_table(item)) is None:
            mistakes.add(f"{place}[{index}]", f'"{place}" bindings should be objects, but got {shown(item)}.', fix)
        else:
            yield f"{place}[{index}]", row


def described(model: type[_Model], row: Mapping[str, object], key: str, fix: str, mistakes: Mistakes) -> _Model | None:
    """Return what `row`, which stands at `key`, describes, or None after adding to `mistakes` what is wrong."""
    try:
        return model.model_validate(row)
    except ValidationError as error:
        for field, kind, reason in reasons(error):
            if kind == "value_error":
                mistakes.add(f"{key}.{field}", f"{reason}.")
            elif kind in ("missing", "string_type"):
                got = shown(cast("object", row))
                mistakes.add(key, f'"{key}" bindings should have a string "{field}" field but got {got}.', fix)
            else:
                mistakes.add(f"{key}.{field}", f"{reason} but got {shown(row[field])}.")
        return None

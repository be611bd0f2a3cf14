"""What to say about arguments that do not fit: which parameter, what it wants, which type came. Never the value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails, core_schema

_MOST: Final = 10
_READ: Final = 200
"""Mismatches that are put into words, of which many may read alike."""
COUNTLESS: Final = 10_000
"""Mismatches from which on only their number is told: naming ten of a million would hold up the whole worker."""
_TELLING: Final = 4
"""Letters and digits of a value that are recognised without what stands between them."""
_MISSING: Final = {"missing_argument", "missing_positional_only_argument", "missing_keyword_only_argument"}
_OWN: Final = frozenset(get_args(core_schema.ErrorType))
"""The mismatches that pydantic puts into words itself; any other is of a `PydanticCustomError`."""
# Messages of pydantic that quote what they were given.
_QUOTING: Final = {
    "union_tag_invalid": "Input should have one of the expected tags",
    "uuid_parsing": "Input should be a valid UUID",
    "get_attribute_error": "Input should be readable",
    "iteration_error": "Input should be iterable",
}


def explain(error: ValidationError, signature: inspect.Signature, args: Sequence[Any]) -> str:
    """Every mismatch of *error* in one line, ten at most; values of arguments never appear."""
    return _told(error, "there are", lambda detail: _line(detail, signature, args))


def explain_result(error: ValidationError) -> str:
    """Every mismatch of a result in one line, ten at most; its values never appear."""
    return _told(error, "has", lambda detail: f"{_at(detail)}{_expected(detail)}")


def explain_first(error: ValidationError) -> str:
    """The first mismatch of what an annotation of the caller is held against, and where it is; values never appear."""
    if (count := error.error_count()) > COUNTLESS:
        return f"there are {count} mismatches, too many to look at"
    first = error.errors(include_url=False, include_context=False)[0]
    at = f" at {_path(first['loc'])}" if first["loc"] else ""
    got = "" if first["type"] == "missing" else f", got {type(first['input']).__name__}"
    return f"{_message(first)}{at}{got}"


def _told(error: ValidationError, has: str, line: Callable[[ErrorDetails], str]) -> str:
    count = error.error_count()
    if count > COUNTLESS:
        return f"{has} {count} mistakes, too many to name: give less of it to read which"
    details = error.errors(include_url=False, include_context=False)
    said = list(dict.fromkeys(map(line, details[:_READ])))
    more = len(said) - _MOST + len(details[_READ:])
    return "; ".join(said[:_MOST]) + (f"; and {more} more" if more > 0 else "")


def _at(detail: ErrorDetails) -> str:
    return f"at {_path(detail['loc'])} " if detail["loc"] else ""


def _expected(detail: ErrorDetails) -> str:
    message = _message(detail)
    return f"{message[:1].lower()}{message[1:]}, got {type(detail['input']).__name__}".replace("input should", "should")


def _line(detail: ErrorDetails, signature: inspect.Signature, args: Sequence[Any]) -> str:
    kind, where = detail["type"], detail["loc"]
    positional = [p.name for p in signature.parameters.values() if p.kind <= p.POSITIONAL_OR_KEYWORD]
    name = _parameter(where[0], positional) if where else "arguments"
    if kind in _MISSING:
        return f"missing argument '{name}'"
    if kind == "unexpected_positional_argument":
        if not positional:
            return f"takes no positional arguments, got {len(args)}"
        return f"takes at most {len(positional)} positional argument{'s' * (len(positional) != 1)}, got {len(args)}"
    if kind == "unexpected_keyword_argument":
        return f"unexpected keyword argument '{name}'"
    if kind == "multiple_argument_values":
        return f"argument '{name}' is given twice"
    return f"parameter '{name}'{_path(where[1:])}: {_message(detail)}, got {type(detail['input']).__name__}"


def _path(steps: Sequence[int | str]) -> str:
    return "".join(f"[{_short(step)!r}]" for step in steps)


def _parameter(where: int | str, positional: list[str]) -> str:
    if isinstance(where, str):
        return str(_short(where))
    return positional[where] if where < len(positional) else f"*{where - len(positional)}"


def _message(detail: ErrorDetails) -> str:
    kind, message = detail["type"], _QUOTING.get(detail["type"], detail["msg"])
    # The author of a validator writes the rest, often with the value in it.
    written = kind in ("value_error", "assertion_error") or kind not in _OWN
    return "Value is not valid" if written and _quotes(message, detail["input"]) else message


def _quotes(message: str, value: Any) -> bool:
    """Whether *message* holds a part of *value*, be it in other letters or without the spaces in it."""
    bare = _bare(message)
    return any(leaf in message or (len(_bare(leaf)) >= _TELLING and _bare(leaf) in bare) for leaf in _leaves(value))


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()


def _leaves(value: Any, depth: int = 8) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple | set | frozenset):
        if depth:
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                yield from _leaves(item, depth - 1)
    elif isinstance(value, bytes | bytearray):
        yield value.decode(errors="replace")
    elif value is not None and not isinstance(value, bool) and value != "":
        yield str(value)


def _short(step: int | str) -> int | str:
    return step if isinstance(step, int) or len(step) <= 64 else step[:64] + "…"

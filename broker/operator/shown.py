"""What operators see of dead letters and findings: lines for people, plain values for `--json`."""

from __future__ import annotations

from typing import Any

from broker.errors import RpcError
from broker.operator.letters import Letter


def line(letter: Letter) -> str:
    """One letter in one line."""
    when = letter.at.strftime("%Y-%m-%d %H:%M:%S")
    return f"{letter.id:<18} {when}  {letter.reason:<11} {letter.entrypoint}.{letter.method}  {letter.detail}"


def page(letter: Letter) -> str:
    """Everything about one letter."""
    rows = [(name.replace("_", " "), value) for name, value in plain(letter).items() if name != "traceback"]
    text = "\n".join(f"{name:<15} {value}" for name, value in rows if value not in (None, {}, ""))
    trace = letter.extras.get("traceback")
    return f"{text}\n\n{trace}" if trace else text


def plain(letter: Letter) -> dict[str, Any]:
    """One letter as plain values; arguments as Python writes them."""
    shown: dict[str, Any] = {
        "id": letter.id,
        "at": letter.at.isoformat(),
        "reason": letter.reason,
        "detail": letter.detail,
        "entrypoint": letter.entrypoint,
        "method": letter.method,
        "deliveries": letter.delivery_count,
        "entry_id": letter.entry_id,
        "entry_bytes": len(letter.entry),
    }
    if letter.call is not None:
        shown["call_id"] = letter.call.id
        shown["arguments"] = _arguments(letter)
        shown["options"] = {name: value for name, value in letter.call.options.items() if name != "props"}
    return shown | {name: value for name, value in letter.extras.items() if isinstance(value, str | int | float)}


def _arguments(letter: Letter) -> str:
    try:
        args, kwargs = letter.arguments()
    except (RpcError, ValueError, TypeError, LookupError) as error:
        return f"cannot be read: {error}"
    return ", ".join([*map(repr, args), *[f"{name}={value!r}" for name, value in kwargs.items()]])

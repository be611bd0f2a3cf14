"""Exceptions on the wire: what a method raised, and what the runtime refused.

An exception is rebuilt from a fixed table of types and never from a name that a peer chose;
what is not in the table arrives as `RemoteError` with its name and message.
"""

from __future__ import annotations

import builtins
import traceback as tracebacks
from typing import Any, Final

from broker import errors
from broker.errors import RemoteError, RpcError

LONGEST_MESSAGE: Final = 4096
"""Characters of a message that travel."""

_MOST_ATTRIBUTES: Final = 16
_SIMPLE: Final = (bool, int, float, str, bytes, type(None))

# Those that steer the interpreter or the event loop would do so at the caller.
_STEERING: Final = {"StopIteration", "StopAsyncIteration", "ExceptionGroup"}

REBUILT: Final[dict[str, type[Exception]]] = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__name__ == name
    and name not in _STEERING
    and not issubclass(kind, Warning)
}
"""Built-in exceptions that arrive as what they were."""

REFUSALS: Final[dict[str, type[RpcError]]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, RpcError)
}
"""Errors of the runtime, rebuilt when the runtime itself raised them."""


def dump(error: BaseException, *, traceback: bool = False) -> list[Any]:
    """What stands for *error* on the wire: name, message, arguments, attributes, notes, traceback."""
    name = getattr(error, "name", None) if isinstance(error, RemoteError) else type(error).__name__
    arguments = _arguments(error)
    return [
        str(name),
        _message(error),
        arguments,
        _attributes(error),
        [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)][:_MOST_ATTRIBUTES],
        "".join(tracebacks.format_exception(error))[-LONGEST_MESSAGE:] if traceback else None,
    ]


def load(wire: list[Any]) -> Exception:
    """The exception that *wire* stands for, marked `remote`."""
    name, message, arguments, attributes, notes, traceback = wire
    error = _rebuild(str(name), str(message), arguments)
    for key, value in attributes.items():
        if isinstance(key, str) and key.isidentifier() and not key.startswith("_") and not hasattr(type(error), key):
            _set(error, key, value)
    for note in notes:
        error.add_note(str(note))
    _set(error, "remote", True)
    if traceback is not None:
        _set(error, "remote_traceback", str(traceback))
    return error


def dump_refusal(error: RpcError) -> list[Any]:
    """What stands for an error that the runtime itself raised: name, message, executed, retry_after."""
    return [type(error).__name__, error.message[:LONGEST_MESSAGE], error.executed, error.retry_after]


def load_refusal(wire: list[Any]) -> RpcError:
    """The error of the runtime that *wire* stands for, marked `remote`."""
    name, message, executed, retry_after = wire
    kind = REFUSALS.get(str(name))
    if kind is None or kind is RemoteError:
        return RemoteError(str(name), str(message))
    error = kind(str(message))
    if executed in ("no", "maybe", "yes"):
        error.executed = executed
    if isinstance(retry_after, int | float):
        error.retry_after = float(retry_after)
    error.remote = True
    return error


def _rebuild(name: str, message: str, arguments: Any) -> Exception:
    kind = REBUILT.get(name)
    if kind is None or arguments is None:
        return RemoteError(name, message)
    try:
        return kind(*arguments)
    except Exception:
        return RemoteError(name, message)


def _message(error: BaseException) -> str:
    if isinstance(error, RemoteError):
        return error.message[:LONGEST_MESSAGE]
    try:
        text = str(error)
    except Exception:
        return "(its text cannot be had: __str__ raised)"
    return text.encode("utf-8", "replace").decode()[:LONGEST_MESSAGE]


def _arguments(error: BaseException) -> list[Any] | None:
    """The arguments of *error*, or None where they cannot travel and the message must do."""
    arguments: list[Any] = list(error.args)
    if isinstance(error, OSError) and error.filename is not None:
        arguments = [*arguments[:2], error.filename]
    if not all(_simple(argument) for argument in arguments):
        return None if type(error).__name__ not in REBUILT else [_message(error)]
    return arguments


def _attributes(error: BaseException) -> dict[str, Any]:
    own = {
        key: value
        for key, value in getattr(error, "__dict__", {}).items()
        if not key.startswith("_") and key not in ("remote", "remote_traceback") and _simple(value)
    }
    return dict(list(own.items())[:_MOST_ATTRIBUTES])


def _simple(value: Any) -> bool:
    if type(value) not in _SIMPLE:
        return False
    if isinstance(value, str):
        return (len(value) <= LONGEST_MESSAGE and value.isprintable()) or _encodable(value)
    return not isinstance(value, bytes) or len(value) <= LONGEST_MESSAGE


def _encodable(text: str) -> bool:
    try:
        return len(text.encode()) <= LONGEST_MESSAGE
    except UnicodeEncodeError:
        return False


def _set(error: Exception, name: str, value: Any) -> None:
    try:
        setattr(error, name, value)
    except (AttributeError, TypeError):
        # Some built-ins have typed slots; an attribute is worth less than the exception itself.
        return

"""Exceptions as plain lists: what a method raised (a failure), and what the runtime itself refused (a refusal).

A failure never names a type to construct: its name is looked up in a fixed table of built-in exceptions, and everything
else becomes a `RemoteError`. Writing a failure never fails: its `__str__` may raise, its attributes may be anything.
"""

import math
import traceback as tracebacks
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, cast, get_args
from uuid import UUID

from broker import errors
from broker.errors import Executed, ProtocolError, RemoteError, RpcError

MAX_MESSAGE = 4096
MAX_ATTRIBUTES = 4096
MAX_TRACEBACK = 16384
_WINDOW = 64
_DEPTH = 8

_BUILTIN: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        Exception, ArithmeticError, AssertionError, AttributeError, BlockingIOError, BrokenPipeError, BufferError,
        ChildProcessError, ConnectionAbortedError, ConnectionError, ConnectionRefusedError, ConnectionResetError,
        EOFError, FileExistsError, FileNotFoundError, FloatingPointError, ImportError, IndentationError, IndexError,
        InterruptedError, IsADirectoryError, KeyError, LookupError, MemoryError, ModuleNotFoundError, NameError,
        NotADirectoryError, NotImplementedError, OSError, OverflowError, PermissionError, ProcessLookupError,
        RecursionError, ReferenceError, RuntimeError, SyntaxError, SystemError, TabError, TimeoutError, TypeError,
        UnboundLocalError, UnicodeDecodeError, UnicodeEncodeError, UnicodeError, UnicodeTranslateError, ValueError,
        ZeroDivisionError, Warning, BytesWarning, DeprecationWarning, EncodingWarning, FutureWarning, ImportWarning,
        PendingDeprecationWarning, ResourceWarning, RuntimeWarning, SyntaxWarning, UnicodeWarning, UserWarning,
    )
}  # fmt: skip

_REFUSALS: dict[str, type[RpcError]] = {
    kind.__name__: kind
    for kind in (
        errors.RpcError, errors.CallTimeout, errors.CallAbandoned, errors.CallCancelled, errors.Overloaded,
        errors.ServiceUnavailable, errors.BrokerUnavailable, errors.AuthenticationFailed, errors.MethodNotFound,
        errors.ReservedMethod, errors.InvalidArguments, errors.DataCloneError, errors.PayloadTooLarge,
        errors.ProtocolError, errors.StubDisposed, errors.StubBroken, errors.IdempotencyConflict,
    )
}  # fmt: skip

# Built-in attributes that live outside both `args` and the instance's dictionary.
_SLOTS: dict[type[Exception], tuple[str, ...]] = {
    AttributeError: ("name",),
    NameError: ("name",),
    UnboundLocalError: ("name",),
    ImportError: ("name", "path"),
    ModuleNotFoundError: ("name", "path"),
}
_RESERVED = frozenset({"args", "remote", "remote_traceback", "message"})
_UNICODE = (UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError)


class _NotSimple(Exception):
    """The value is not a simple one, or larger than what is left of the budget."""


class _Text(str):
    """A text whose `repr` is itself, so that a KeyError of an unsendable key reads as it did at the callee."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


_masks: Final[list[Callable[[Any], Any]]] = []


def mask_with(mask: Callable[[Any], Any]) -> None:
    """Have *mask* take out of every failure that leaves this process from here on what must stay in it.

    It is given plain values and returns such.
    """
    _masks.append(mask)


def dump(error: BaseException, *, traceback: bool = False) -> list[Any]:
    """Describe an exception that a method raised.

    Args:
        error: The exception. Built-in exceptions of the fixed table keep their type and arguments.
        traceback: Whether the callee's traceback travels along; it shows up as attribute `remote_traceback`.

    Returns:
        `[name, message, arguments, attributes, notes, traceback]`, made of values that `codec.encode` takes.
        `arguments` is a list for a built-in exception with simple arguments, True for one that is rebuilt from its
        message, False for any other exception. Never raises because of what the exception holds.
    """
    name = error.name if type(error) is RemoteError else type(error).__name__
    arguments: list[Any] | bool = _arguments(error) if _BUILTIN.get(name) is type(error) else False
    text = _traceback(error) if traceback else None
    return masked([_clean(name, 256), _message(error), arguments, _attributes(error), _notes(error), text])


def load(wire: object) -> Exception:
    """Rebuild the exception that `dump` described.

    Returns:
        The built-in exception, or a `RemoteError`; its `remote` is True.

    Raises:
        ProtocolError: The description is not one.
    """
    name, message, arguments, attributes, notes, text = _fields(wire)
    error = _rebuild(name, message, arguments)
    for key, value in attributes.items():
        if _may_set(error, key):
            setattr(error, key, value)
    for note in notes:
        error.add_note(note)
    error.remote = True  # pyright: ignore[reportAttributeAccessIssue]
    if text is not None:
        error.remote_traceback = text  # pyright: ignore[reportAttributeAccessIssue]
    return error


def dump_refusal(error: RpcError) -> list[Any]:
    """Describe an error of Callyard's own, for the other side to raise as the very same class.

    Returns:
        `[name, message, executed, retry_after]`, plain values. A class that the other side need not know is described
        as the nearest base that it does know.
    """
    name = next(kind.__name__ for kind in type(error).__mro__ if _REFUSALS.get(kind.__name__) is kind)
    return masked([name, _message(error), error.executed, error.retry_after])


def load_refusal(wire: object) -> RpcError:
    """Rebuild the error that `dump_refusal` described, with its `executed` and `retry_after`; its `remote` is True.

    Raises:
        ProtocolError: The description is not one, or names an unknown class.
    """
    items = cast("list[Any]", wire) if isinstance(wire, list) else []
    match items:
        case [str(name), str(message), str(executed), None | float() | int() as retry_after]:
            kind = _REFUSALS.get(name)
        case _:
            raise ProtocolError("A refusal from the other side is malformed.")
    if kind is None or executed not in get_args(Executed) or not _is_delay(retry_after):
        raise ProtocolError("A refusal from the other side is malformed.")
    error = kind(message, executed=cast("Executed", executed))
    error.remote = True
    if retry_after is not None:
        error.retry_after = float(retry_after)
    return error


def _is_delay(value: float | None) -> bool:
    return value is None or (not isinstance(value, bool) and 0 <= value < 1e9 and math.isfinite(value))


def _fields(wire: object) -> tuple[str, str, list[Any] | bool, dict[str, Any], list[str], str | None]:
    items = cast("list[Any]", wire) if isinstance(wire, list) else []
    match items:
        case [str(), str(), list() | bool(), dict(), list(), None | str()]:
            name, message, arguments, attributes, notes, text = items
            if _all_text(attributes) and _all_text(notes):
                return name, message, arguments, attributes, notes, text
        case _:
            pass
    raise ProtocolError("An exception from the other side is malformed.")


def _all_text(values: Iterable[object]) -> bool:
    return all(type(value) is str for value in values)


def _rebuild(name: str, message: str, arguments: object) -> Exception:
    kind = _BUILTIN.get(name)
    if kind is None or arguments is False:
        return RemoteError(name, message)
    try:
        if kind in _UNICODE:
            return _rebuild_unicode(kind, arguments)
        if isinstance(arguments, list):
            return kind(*cast("list[Any]", arguments))
        return kind(_Text(message) if kind is KeyError else message)
    except Exception:
        return RemoteError(name, message)


def _may_set(error: Exception, key: str) -> bool:
    if key.startswith("_") or not key.isidentifier() or key in _RESERVED:
        return False
    if isinstance(error, RemoteError) and key == "name":
        return False
    return key in _SLOTS.get(type(error), ()) or not hasattr(type(error), key)


def _clean(text: str, limit: int) -> str:
    """Cut to `limit` bytes of UTF-8, with lone surrogates escaped."""
    head = text[:limit].encode("utf-8", "backslashreplace")
    if len(head) <= limit and len(text) <= limit:
        return head.decode()
    return head[: limit - 3].decode("utf-8", "ignore") + "…"


def _message(error: BaseException) -> str:
    try:
        return _clean(str(error), MAX_MESSAGE)
    except Exception as broken:
        kind = _clean(type(error).__name__, 256)
        return f"(the text of this {kind} is unknown: its __str__ raised {type(broken).__name__})"


def _notes(error: BaseException) -> list[str]:
    notes = getattr(error, "__notes__", None)
    if not isinstance(notes, list):
        return []
    kept: list[str] = []
    left = MAX_MESSAGE
    for note in cast("list[object]", notes):
        if not isinstance(note, str) or left <= 16:
            continue
        kept.append(_clean(str(note), left))
        left -= len(kept[-1].encode())
    return kept


def _traceback(error: BaseException) -> str:
    try:
        text = "".join(tracebacks.format_exception(error))
    except Exception as broken:
        return f"<no traceback: formatting it raised {type(broken).__name__}>"
    return _clean(text[-MAX_TRACEBACK // 2 :], MAX_TRACEBACK)  # its end says most


def _arguments(error: BaseException) -> list[Any] | bool:
    if isinstance(error, _UNICODE):
        return _unicode_arguments(error)
    arguments: list[object] = list(error.args)
    if isinstance(error, OSError):
        reduced = cast("tuple[Any, tuple[object, ...]]", error.__reduce__())
        arguments = [_as_text(item) for item in reduced[1]]
    try:
        _measure(arguments, MAX_MESSAGE, 0)
    except _NotSimple:
        return True
    return arguments


def _as_text(item: object) -> object:
    return str(item) if isinstance(item, PurePath) else item


def _unicode_arguments(error: UnicodeDecodeError | UnicodeEncodeError | UnicodeTranslateError) -> list[Any] | bool:
    start, end, reason, whole = error.start, error.end, error.reason, error.object
    if len(whole) > _WINDOW * 4:
        first = max(0, start - _WINDOW)
        reason = f"{reason} (position {start} of {len(whole)})"
        whole, start, end = whole[first : start + _WINDOW], start - first, min(end, start + _WINDOW) - first
    # The text of an encoding error is often exactly what UTF-8 refuses.
    data = whole.encode("utf-8", "surrogatepass") if isinstance(whole, str) else bytes(whole)
    return [_clean(getattr(error, "encoding", None) or "", 256), data, start, end, _clean(reason, 1024)]


def _rebuild_unicode(kind: type[Exception], arguments: object) -> Exception:
    match arguments:
        case [str(encoding), bytes(data), int(start), int(end), str(reason)]:
            if kind is UnicodeDecodeError:
                return UnicodeDecodeError(encoding, data, start, end, reason)
            text = data.decode("utf-8", "surrogatepass")
            if kind is UnicodeEncodeError:
                return UnicodeEncodeError(encoding, text, start, end, reason)
            return UnicodeTranslateError(text, start, end, reason)
        case _:
            raise ValueError("not the arguments of a Unicode error")


def _attributes(error: BaseException) -> dict[str, Any]:
    own: dict[object, object] = {}
    try:
        own.update({key: getattr(error, key) for key in _SLOTS.get(cast("type[Exception]", type(error)), ())})
        own.update(getattr(error, "__dict__", {}))
    except Exception:
        return {}
    if isinstance(error, RpcError):
        own = {key: value for key, value in own.items() if key not in ("name", "executed", "retry_after")}
    kept: dict[str, Any] = {}
    left = MAX_ATTRIBUTES
    for key, value in own.items():
        if type(key) is not str or key.startswith("_") or key in _RESERVED or value is None:
            continue
        simple = value.value if isinstance(value, Enum) else value
        try:
            left = _measure(simple, _measure(key, left, 0), 0)
        except _NotSimple:
            continue
        kept[key] = simple
    return kept


def _measure(value: object, left: int, depth: int) -> int:
    """What is left of a budget of bytes after a simple value; raises `_NotSimple` if it does not fit or is not one."""
    left -= _size(value)
    if left < 0 or depth > _DEPTH:
        raise _NotSimple
    if isinstance(value, dict):
        for pair in cast("dict[object, object]", value).items():
            for part in pair:
                left = _measure(part, left, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in cast("Iterable[object]", value):
            left = _measure(item, left, depth + 1)
    return left


def _size(value: object) -> int:
    kind = type(value)
    if kind is str:
        return _text_size(cast("str", value))
    if kind is bytes:
        return 4 + len(cast("bytes", value))
    if kind is int:
        return 4 + cast("int", value).bit_length() // 8
    if kind is Decimal:
        return 4 + len(str(value))
    if kind is datetime or kind is time:
        if (moment := cast("datetime", value)).tzinfo is not None and moment.utcoffset() is None:
            raise _NotSimple
        return 40
    if value is None or kind in (bool, float, date, timedelta, UUID, list, tuple, dict, set, frozenset):
        return 8
    raise _NotSimple


def _text_size(text: str) -> int:
    if len(text) > MAX_MESSAGE:
        raise _NotSimple
    try:
        return 4 + len(text.encode())
    except UnicodeEncodeError:
        raise _NotSimple from None


def masked(value: Any) -> Any:
    """Return a plain *value* as it may leave this process: what `mask_with` was given has gone over it."""
    for mask in _masks:
        value = mask(value)
    return value

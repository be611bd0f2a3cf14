"""Results as people and programs read them. Pure.

JSON lacks many values that travel. In its place stands: for bytes base64, for dates and times ISO 8601,
for a time span its seconds, for a decimal or UUID its text, for a tuple or set a list, for NaN and infinities
their names, for an integer of more than 4300 digits hexadecimal text, for a dict whose keys would clash
a list of pairs, and for a response or request an object of its parts.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from broker.http import BodyStream, Headers, Request, Response

_WIDTH: Final = 100
"""Characters that a dict or list may take before it is spread over several lines."""

_MOST_BITS: Final = 14_000
"""An integer of so many bits has fewer digits than Python agrees to print."""


def as_json(value: Any) -> str:
    """*value* as JSON on one line, in ASCII."""
    return json.dumps(plain(value))


def as_text(value: Any) -> str:
    """*value* for people: text as it is, a response as its status and text, all else like JSON."""
    if isinstance(value, Response):
        return f"{value.status} {value.status_text}".rstrip() + "\n" + _body_text(value)
    shown = plain(value)
    if isinstance(shown, str):
        return shown
    line = json.dumps(shown, ensure_ascii=False)
    return line if len(line) <= _WIDTH else json.dumps(shown, ensure_ascii=False, indent=2)


def plain(value: Any) -> Any:
    """What stands for *value* in JSON."""
    show = _SHOWN.get(value.__class__)
    if show is not None:
        return show(value)
    if value is None or isinstance(value, bool | str):
        return value
    return _plain_exception(value) if isinstance(value, BaseException) else str(value)


def _plain_int(value: int) -> int | str:
    return value if value.bit_length() <= _MOST_BITS else hex(value)


def _plain_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _plain_list(values: Iterable[Any]) -> list[Any]:
    return [plain(value) for value in values]


def _plain_set(values: Iterable[Any]) -> list[Any]:
    # A set has no order of its own; the same set should be shown the same way every time.
    return sorted(_plain_list(values), key=lambda value: (isinstance(value, str), _order(value)))


def _order(value: Any) -> tuple[float, str]:
    return (value, "") if isinstance(value, float) or (type(value) is int) else (0, json.dumps(value))


def _plain_dict(value: Mapping[Any, Any]) -> dict[str, Any] | list[Any]:
    shown = {_key(key): plain(item) for key, item in value.items()}
    return shown if len(shown) == len(value) else [[plain(key), plain(item)] for key, item in value.items()]


def _key(key: Any) -> str:
    shown = plain(key)
    return shown if isinstance(shown, str) else json.dumps(shown)


def _plain_headers(headers: Headers) -> dict[str, Any]:
    fields = {name: headers.get_all(name) for name in headers}
    return {name: values[0] if len(values) == 1 else values for name, values in fields.items()}


def _plain_response(response: Response) -> dict[str, Any]:
    head = {"status": response.status, "status_text": response.status_text}
    return {**head, "headers": _plain_headers(response.headers), **_plain_body(response.body)}


def _plain_request(request: Request) -> dict[str, Any]:
    head = {"method": str(request.method), "url": request.url}
    return {**head, "headers": _plain_headers(request.headers), **_plain_body(request.body)}


def _plain_body(body: bytes | BodyStream | None) -> dict[str, Any]:
    if isinstance(body, BodyStream):
        return {"body": str(body)}
    try:
        return {"body": None if body is None else body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": plain(body)}


def _body_text(response: Response) -> str:
    body = response.body or b""
    if isinstance(body, BodyStream):
        return str(body)
    try:
        return body.decode().removesuffix("\n")
    except UnicodeDecodeError:
        return f"({len(body)} bytes of {response.headers.get('content-type', 'unknown type')})"


def _plain_exception(error: BaseException) -> dict[str, Any]:
    return {"name": name_of(error), "message": str(error)}


def name_of(error: BaseException) -> str:
    """The name of the class of *error*, where it was raised."""
    remote = getattr(error, "name", None) if type(error).__name__ == "RemoteError" else None
    return str(remote or type(error).__name__)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_SHOWN: Final[Mapping[type, Callable[[Any], Any]]] = {
    int: _plain_int,
    float: _plain_float,
    bytes: _base64,
    list: _plain_list,
    tuple: _plain_list,
    set: _plain_set,
    frozenset: _plain_set,
    dict: _plain_dict,
    dt.datetime: dt.datetime.isoformat,
    dt.date: dt.date.isoformat,
    dt.time: dt.time.isoformat,
    dt.timedelta: dt.timedelta.total_seconds,
    Decimal: str,
    UUID: str,
    Headers: _plain_headers,
    Request: _plain_request,
    Response: _plain_response,
}

"""An HTTP response."""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Awaitable, Callable
from http import HTTPStatus
from typing import Any, Final, overload

from broker.http.body import Body, BodyInit, prepare, require
from broker.http.headers import Headers, HeadersInit
from broker.http.url import normalised

_LOWEST, _HIGHEST = 200, 599
_WITHOUT_BODY: Final = (204, 205, 304)
_REDIRECTS: Final = (301, 302, 303, 307, 308)


class _Json:
    """`Response.json(data)` makes a response, `await response.json()` reads one."""

    @overload
    def __get__(self, instance: None, owner: type[Response]) -> Callable[..., Response]: ...
    @overload
    def __get__(self, instance: Response, owner: type[Response]) -> Callable[..., Awaitable[Any]]: ...
    def __get__(self, instance: Response | None, owner: type[Response]) -> Callable[..., Any]:
        return owner.from_json if instance is None else instance.read_json


class Response(Body):
    """A response: status, headers and a body.

    Built from text, bytes, a `Blob`, a `FormData`, an async iterable of bytes, another response (whose body it takes
    over) or nothing. Text gets the content type `text/plain;charset=UTF-8` unless `headers` name another, and what
    has a type of its own that one.

    Attributes:
        status: The status code, 200 to 599.
        status_text: What stands beside it; the standard phrase unless another was given.
        headers: Its headers.
        url: Where it came from; empty for a response made here.

    Raises:
        OSError: It is made from a response whose body was read.
        TypeError: A part has a type that it cannot have, or a status that never has a body is given one.
        ValueError: The status or a header is not legal, or a copy of a response is given options.
    """

    status: int
    status_text: str
    headers: Headers
    url: str = ""

    def __init__(
        self,
        body: BodyInit | Response | None = None,
        status: int | HTTPStatus | None = None,
        status_text: str = "",
        headers: HeadersInit | None = None,
        web_socket: None = None,
    ) -> None:
        if web_socket is not None:  # pyright: ignore[reportUnnecessaryComparison]
            raise TypeError("A Response cannot carry a WebSocket.")
        if isinstance(body, Response):
            if status is not None or status_text or headers is not None:
                raise ValueError("Expected no options when constructing Response from a Response")
            self._copy(body)
            return
        self.status = _legal_status(200 if status is None else status)
        self.status_text = _legal_text(status_text) or _phrase(self.status)
        self.headers = Headers(headers)
        self._take(body)

    def _take(self, body: BodyInit | None) -> None:
        self._used = False
        self._content, content_type = (None, None) if body is None else prepare(body, "Response")
        if content_type is not None:
            self.headers.setdefault("content-type", content_type)
        if self.status in _WITHOUT_BODY:
            if self._content:
                raise TypeError(f"Response with null body status {self.status} cannot have a body.")
            self._content = None

    def _copy(self, other: Response) -> None:
        self.status, self.status_text, self.url = other.status, other.status_text, other.url
        self.headers = other.headers.copy()
        self._content, self._used = other._hand_on(), False

    @classmethod
    def redirect(cls, url: str, status: int | HTTPStatus = 302) -> Response:
        """A response that sends the caller to an absolute URL.

        Raises:
            ValueError: The URL is not absolute, or the status is no redirect.
        """
        if status not in _REDIRECTS:
            raise ValueError(f"Invalid status code {status!r} for a redirect: use one of {_REDIRECTS}.")
        return cls(None, status, headers={"location": normalised(url)})

    @classmethod
    def from_json(
        cls,
        data: Any,
        status: int | HTTPStatus = 200,
        status_text: str = "",
        headers: HeadersInit | None = None,
    ) -> Response:
        """A response whose body is `data` as JSON, with content type `application/json` unless `headers` name another.

        Raises:
            TypeError: JSON has nothing for `data`.
            ValueError: The status or a header is not legal.
        """
        fields = Headers(headers)
        fields.setdefault("content-type", "application/json")
        return cls(json.dumps(data), status, status_text, fields)

    json = _Json()

    async def read_json(self, **options: Any) -> Any:
        """Read the body as JSON; the options are those of `json.loads`. `response.json()` is the same.

        Raises:
            OSError: It was read before.
            ValueError: It is not JSON.
        """
        return await self._read_json(**options)

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status <= 299

    def clone(self) -> Response:
        """A copy whose body can be read on its own; of a body that comes piece by piece, neither far behind the other.

        Raises:
            OSError: The body was read before.
        """
        twin = Response(None, self.status, self.status_text, self.headers)
        twin.url, twin._content = self.url, self._share()
        return twin

    def replace_body(self, body: BodyInit | None) -> Response:
        """A response of the same status, text and headers with another body.

        Raises:
            TypeError: A body cannot be made from it.
        """
        content = None if body is None else prepare(body, "Response").content
        return Response(content, self.status, self.status_text, self.headers)

    def __repr__(self) -> str:
        parts = [f"status={self.status}", f"status_text={self.status_text!r}"]
        if "content-type" in self.headers:
            parts.append(f"content_type={self.headers['content-type']!r}")
        if self.url:
            parts.append(f"url={self.url!r}")
        return f"Response({', '.join(parts)})"

    def dump(self) -> list[Any]:
        """Status, its text, header fields, body (bytes, None or an async iterable of bytes) and URL.

        Raises:
            ValueError: The body was read before, so the copy would lack it.
        """
        return [self.status, self.status_text, self.headers.dump(), self._dump_body(), self.url]

    @classmethod
    def load(cls, wire: Any) -> Response:
        """The response that `dump` gave.

        Raises:
            TypeError: `wire` is something else.
            ValueError: It holds a part that is not legal.
        """
        status, text, headers, body, url = require(wire, int, str, list, (bytes, AsyncIterable, type(None)), str)
        response = cls(body, status, text, Headers.load(headers))
        response.url = url
        return response


def _legal_status(status: object) -> int:
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"The status of a response is a number, not {type(status).__name__}.")
    if not _LOWEST <= status <= _HIGHEST:
        raise ValueError(f"Invalid status code {status}: use {_LOWEST} to {_HIGHEST}.")
    return int(status)


def _legal_text(text: str) -> str:
    if any(character in text for character in "\r\n\0"):
        raise ValueError("A status text holds no line break and no NUL.")
    return text


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

"""An HTTP request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Mapping
from http import HTTPMethod
from typing import Any, Final, TypeAlias

from broker.http.body import Body, BodyInit, prepare, require
from broker.http.headers import Headers, HeadersInit
from broker.http.url import normalised

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_BODILESS: Final = (HTTPMethod.GET, HTTPMethod.HEAD)
_REDIRECT_MODES: Final = ("follow", "manual", "error")
_NOTHING: Final = type(None)
_BODY: Final = (bytes, AsyncIterable, _NOTHING)

Method: TypeAlias = HTTPMethod | str
"""A standard method is an `HTTPMethod` and equal to its name; any other is text."""


class Request(Body):
    """A request: method, URL, headers and a body.

    Built from a URL, or from another request, whose parts it takes where no option replaces them; the other one's
    body is used then, so `clone()` it where both are to be read.

    Attributes:
        headers: Its headers.
        cf: What the platform says of the connection, or None.
        redirect: What the sender wants done with redirects: "follow", "manual" or "error".

    Raises:
        OSError: It is made from a request whose body was read.
        TypeError: A part has a type that it cannot have, or a GET or HEAD has a body.
        ValueError: The URL, method, redirect mode or a header is not legal.
    """

    # What browsers put into a request and a service has no use for, as `fetch` names it.
    cache: str = "default"
    credentials: str = "same-origin"
    destination: str = ""
    integrity: str = ""
    is_history_navigation: bool = False
    keepalive: bool = False
    mode: str = "cors"
    referrer: str = "about:client"
    referrer_policy: str = ""

    headers: Headers
    cf: Mapping[str, Any] | None
    redirect: str

    def __init__(
        self,
        input: str | Request,  # noqa: A002 -- the name that `fetch` gives it
        *,
        method: Method | None = None,
        headers: HeadersInit | None = None,
        body: BodyInit | None = None,
        redirect: str | None = None,
        cf: Mapping[str, Any] | None = None,
    ) -> None:
        origin = input if isinstance(input, Request) else None
        self._url = origin.url if origin else normalised(_text_of(input))
        self._method = _legal_method(method or (origin.method if origin else HTTPMethod.GET))
        self.headers = Headers(headers if headers is not None or origin is None else origin.headers)
        self.redirect = _legal_redirect(redirect or (origin.redirect if origin else "follow"))
        self.cf = cf if cf is not None or origin is None else origin.cf
        self._used = False
        self._content = None
        if self._method in _BODILESS and (body is not None or (origin is not None and origin._content is not None)):
            raise TypeError("Request with a GET or HEAD method cannot have a body.")
        if body is not None:
            self._take(body)
        elif origin is not None:
            self._content = origin._hand_on()

    def _take(self, body: BodyInit) -> None:
        self._content, content_type = prepare(body, "Request")
        if content_type is not None:
            self.headers.setdefault("content-type", content_type)

    @property
    def url(self) -> str:
        """The absolute URL, normalised: `https://Test.com` is `https://test.com/`."""
        return self._url

    @property
    def method(self) -> Method:
        """The method, in upper case if it is a standard one."""
        return self._method

    async def json(self, **options: Any) -> Any:
        """Read the body as JSON; the options are those of `json.loads`.

        Raises:
            OSError: It was read before.
            ValueError: It is not JSON.
        """
        return await self._read_json(**options)

    def clone(self) -> Request:
        """A copy whose body can be read on its own; of a body that comes piece by piece, neither far behind the other.

        Raises:
            OSError: The body was read before.
        """
        twin = Request(self._url, method=self._method, headers=self.headers, redirect=self.redirect, cf=self.cf)
        twin._content = self._share()
        return twin

    def __repr__(self) -> str:
        return f"Request(method={str(self._method)!r}, url={self._url!r})"

    def dump(self) -> list[Any]:
        """Method, URL, header fields, body (bytes, None or an async iterable of bytes), redirect mode and `cf`.

        Raises:
            ValueError: The body was read before, so the copy would lack it.
        """
        cf = None if self.cf is None else dict(self.cf)
        return [str(self._method), self._url, self.headers.dump(), self._dump_body(), self.redirect, cf]

    @classmethod
    def load(cls, wire: Any) -> Request:
        """The request that `dump` gave.

        Raises:
            TypeError: `wire` is something else.
            ValueError: It holds a part that is not legal.
        """
        method, url, headers, body, redirect, cf = require(wire, str, str, list, _BODY, str, (dict, _NOTHING))
        return cls(url, method=method, headers=Headers.load(headers), body=body, redirect=redirect, cf=cf)


def _text_of(url: object) -> str:
    if not isinstance(url, str):
        raise TypeError(f"A request is made from a URL or a Request, not {type(url).__name__}.")
    return url


def _legal_method(method: object) -> Method:
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise ValueError(f"Invalid HTTP method: {method!r:.80}")
    name = str(method)
    return HTTPMethod[name.upper()] if name.upper() in HTTPMethod.__members__ else name


def _legal_redirect(mode: str) -> str:
    if mode not in _REDIRECT_MODES:
        raise ValueError(f"Invalid redirect mode {mode!r:.80}: use 'follow', 'manual' or 'error'.")
    return mode

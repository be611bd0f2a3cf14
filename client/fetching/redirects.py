"""Following redirects, as `fetch` does: the decision, and the loop around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urljoin, urlsplit

from broker.http import BodyStream, Request, Response

MOST_REDIRECTS: Final = 20

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_OF_THE_BODY: Final = ("content-encoding", "content-language", "content-length", "content-location", "content-type")
_OF_THE_ORIGIN: Final = ("authorization", "cookie", "host", "proxy-authorization")


def next_request(request: Request, response: Response) -> Request | None:
    """The request that *response* sends the sender of *request* to, or None where *response* is the answer.

    303, and 301 or 302 after a POST, become a GET without a body. What belongs to an origin, such as `Authorization`,
    does not go to another.

    Raises:
        TypeError: the request does not want to be redirected, there is no way to, or its body cannot be sent twice.
    """
    location = response.headers.get("location")
    if response.status not in _REDIRECTS or location is None or request.redirect == "manual":
        return None
    if request.redirect == "error":
        raise TypeError(f"The response is a redirect to {location!r:.200}, and the request has redirect 'error'.")
    url = urljoin(request.url, location)
    if not urlsplit(url).fragment and (fragment := urlsplit(request.url).fragment):
        url = f"{url}#{fragment}"
    return _redirected(request, response.status, url)


def _redirected(request: Request, status: int, url: str) -> Request:
    headers, method, body = request.headers.copy(), str(request.method), request.body
    if (status == 303 and method not in ("GET", "HEAD")) or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        for name in _OF_THE_BODY:
            headers.pop(name, None)
    if isinstance(body, BodyStream):
        raise TypeError("A request whose body comes piece by piece cannot follow a redirect that sends it once more.")
    try:
        onward = Request(url, method=method, headers=headers, body=body, redirect=request.redirect, cf=request.cf)
    except ValueError as error:
        raise TypeError(f"The response is a redirect to {url!r:.200}, which is no URL.") from error
    if _origin(onward.url) != _origin(request.url):
        for name in _OF_THE_ORIGIN:
            onward.headers.pop(name, None)
    return onward


def _origin(url: str) -> tuple[str, str]:
    # The URL of a request has one spelling, without default ports.
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2]


async def follow(send: Callable[[Request, int], Awaitable[Response]], request: Request) -> Response:
    """The response to *request*, whose body is used, after at most `MOST_REDIRECTS` redirects.

    *send* gets a request, and how many redirects led to it. The mode of the request is "manual", so that whoever passes
    it on follows nothing on its own.

    Raises:
        OSError: the body of *request* was used before.
        TypeError: a redirect cannot be followed, or there are too many.
        Exception: what *send* raises.
    """
    for hops in range(MOST_REDIRECTS + 1):
        response = await send(Request(request, redirect="manual"), hops)
        onward = next_request(request, response)
        if onward is None:
            response.url = response.url or request.url
            return response
        if isinstance(response.body, BodyStream):
            await response.body.aclose()
        request = onward
    raise TypeError(f"There were more than {MOST_REDIRECTS} redirects.")

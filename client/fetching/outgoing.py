"""`fetch`: requests to other sites, through one pool of connections for each event loop."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from broker.errors import ConfigurationError
from broker.http import BodyStream, Headers, HeadersInit, Request, Response
from broker.http.body import BodyInit
from client.calling.deadline import earliest, enclosing_deadline
from client.fetching.decompressing import OFFERED, decompressed, is_known
from client.fetching.fields import as_bytes, end_to_end
from client.fetching.redirects import follow

if TYPE_CHECKING:
    from collections.abc import Generator

    import httpx

MOST_CONNECTIONS: Final = 100
"""Connections of one pool; whoever comes beyond waits."""
KEPT_WHOLE: Final = 65_536
"""Bytes of a response that is read at once, so that its connection is free again."""

_WITHOUT_BODY: Final = (204, 205, 304)
_OF_THE_CONNECTION: Final = frozenset({"host"})
_OF_THE_ENCODING: Final = frozenset({"content-encoding", "content-length"})

_pools: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any]] = weakref.WeakKeyDictionary()
_closings: Final[set[asyncio.Task[None]]] = set()


async def fetch(
    resource: Request | str,
    *,
    method: str | None = None,
    headers: HeadersInit | None = None,
    body: BodyInit | None = None,
    redirect: str | None = None,
    cf: Mapping[str, Any] | None = None,
) -> Response:
    """Send a request over HTTP and return the response, whatever its status, once its head is there.

    The options are those of `Request`. Inside a call its deadline bounds the wait, else 60 s do. Redirects are followed
    unless *redirect* says otherwise; gzip and deflate are undone; cookies are not kept. If cancelled, the
    connection is closed.

    Raises:
        TypeError: the URL is not one of HTTP, an option is wrong, or a redirect cannot be followed.
        ValueError: the URL or a header is not legal.
        ConnectionError: the site cannot be reached, or does not speak HTTP.
        TimeoutError: there was no answer in time.
        ConfigurationError: the extra `callyard[http]` is not installed.
    """
    options: dict[str, Any] = {"method": method, "headers": headers, "body": body, "redirect": redirect, "cf": cf}
    given = {name: value for name, value in options.items() if value is not None}
    request = resource if isinstance(resource, Request) and not given else Request(resource, **given)
    loop = asyncio.get_running_loop()
    deadline = earliest(loop.time(), None, math.inf, enclosing_deadline.get())
    pool = _pool(loop)
    return await follow(lambda request, _hops: _send(pool, request, deadline), request)


async def close_pool() -> None:
    """Close the connections of this event loop. Responses that are still being read break off. Twice is once."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.aclose()


def _pool(loop: asyncio.AbstractEventLoop) -> httpx.AsyncClient:
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = _new_pool()
    return pool


def _new_pool() -> httpx.AsyncClient:
    try:
        import httpx
    except ImportError as error:
        raise ConfigurationError("fetch() needs httpx.", fix="pip install 'callyard[http]'") from error
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return httpx.AsyncClient(
        # A cookie that one call got is none of another's business.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "callyard", "accept-encoding": OFFERED},
        limits=httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=20),
    )


async def _send(pool: httpx.AsyncClient, request: Request, deadline: float) -> Response:
    if not request.url.startswith(("http://", "https://")):
        raise TypeError(f"fetch() takes URLs of http and https, not {request.url!r:.200}.")
    left = deadline - asyncio.get_running_loop().time()
    sent = pool.build_request(
        str(request.method), request.url, headers=as_bytes(_headers(request)), content=request.body,
        timeout=max(left, 0.001),
    )  # fmt: skip
    with _explained(request.url):
        async with asyncio.timeout_at(deadline):
            answer = await pool.send(sent, stream=True)
            return await _received(request, answer)


def _headers(request: Request) -> Headers:
    # Of a whole body the length is known better than a header says.
    dropped = _OF_THE_CONNECTION if isinstance(request.body, BodyStream) else _OF_THE_CONNECTION | {"content-length"}
    return end_to_end(request.headers, without=dropped)


async def _received(request: Request, answer: httpx.Response) -> Response:
    try:
        body = (
            None if request.method == "HEAD" or answer.status_code in _WITHOUT_BODY else _Download(answer, request.url)
        )
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
        undone = body is not None and body.is_undone
        headers = end_to_end(Headers(raw), without=_OF_THE_ENCODING if undone else frozenset())
        content = await _whole_if_small(body, answer)
        response = Response(content, answer.status_code, answer.reason_phrase, headers)
    except ValueError as error:
        await answer.aclose()
        raise ConnectionError(f"{request.url} answered with what is no response: {error}") from error
    except BaseException:
        await answer.aclose()
        raise
    return response


async def _whole_if_small(body: _Download | None, answer: httpx.Response) -> bytes | AsyncIterable[bytes] | None:
    said = answer.headers.get("content-length", "")
    if body is None:
        # There is nothing to read, but only who has read everything may use the connection again.
        await answer.aread()
        return None
    small = said.isdigit() and int(said) <= KEPT_WHOLE and "content-encoding" not in answer.headers
    return await answer.aread() if small else body


class _Download:
    """The body of a response on its way in. Dropped unread, it gives its connection back."""

    def __init__(self, answer: httpx.Response, url: str) -> None:
        self._answer = answer
        self._url = url
        self._encoding: Final = answer.headers.get("content-encoding", "")
        self.is_undone: Final = is_known(self._encoding)
        """Whether what is read is not encoded any more."""
        weakref.finalize(self, _close_soon, answer, asyncio.get_running_loop()).atexit = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _explained(self._url):
            raw = self._answer.aiter_raw()
            try:
                async for chunk in decompressed(raw, self._encoding) if self.is_undone else raw:
                    yield chunk
            except ValueError as error:
                raise ConnectionError(f"{self._url:.200} cannot be read: {error}.") from error

    async def aclose(self) -> None:
        """Close the connection, unless the response was read to its end."""
        await self._answer.aclose()


def _close_soon(answer: httpx.Response, loop: asyncio.AbstractEventLoop) -> None:
    def close() -> None:
        closing = loop.create_task(answer.aclose())
        _closings.add(closing)
        closing.add_done_callback(_closings.discard)

    if not answer.is_closed and not loop.is_closed():
        loop.call_soon_threadsafe(close)


@contextmanager
def _explained(url: str) -> Generator[None]:
    """Raise what the library raises as what Python has for it."""
    import httpx

    try:
        yield
    except httpx.InvalidURL as error:
        raise TypeError(f"fetch() cannot use the URL {url!r:.200}: {error}") from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise TimeoutError(f"{url:.200} gave no answer in time.") from error
    except httpx.ConnectError as error:
        raise ConnectionError(f"{url:.200} cannot be reached: {error or type(error).__name__}") from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise ConnectionError(f"{url:.200} cannot be read: {error or type(error).__name__}") from error

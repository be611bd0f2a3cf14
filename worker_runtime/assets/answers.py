"""What a request for an asset is answered with: status, headers, and which file is the body. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from broker.http import Headers, Request
from worker_runtime.assets import header_rules, redirects
from worker_runtime.assets.content_types import content_type
from worker_runtime.assets.html import EtagOf, HtmlHandling, Move, NotFoundHandling, Serve, resolve
from worker_runtime.assets.paths import decode, encode, host_and_path

ALWAYS_ASK_AGAIN: Final = "public, max-age=0, must-revalidate"
"""The `Cache-Control` of assets: a browser may keep them, and asks with their `ETag` whether they still hold."""

_TEMPORARY_REDIRECT, _METHOD_NOT_ALLOWED, _NOT_MODIFIED, _NOT_FOUND = 307, 405, 304, 404


@dataclass(frozen=True, slots=True)
class Rules:
    """How the files of a directory are served.

    Attributes:
        html: How pages are found and which of their paths is canonical.
        not_found: What answers where nothing else does.
        redirects: The rules of `_redirects`.
        headers: The rules of `_headers`.
    """

    html: HtmlHandling = "auto-trailing-slash"
    not_found: NotFoundHandling = "none"
    redirects: redirects.Redirects = field(default_factory=redirects.Redirects)
    headers: header_rules.HeaderRules = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body, if it has one, is still in its file.

    Attributes:
        status: The status.
        headers: The headers, those of `_headers` included.
        body: The decoded path of the file that is the body, also where only its head is asked for, or None.
        etag: The hash of that file.
        is_known: Whether anything stands for the path; if not, the service may answer in its place.
    """

    status: int
    headers: Headers
    body: str | None = None
    etag: str = ""
    is_known: bool = True


def answer(request: Request, rules: Rules, etag_of: EtagOf) -> Answer:
    """Decide what *request* is answered with; its host does not choose the file."""
    host, path, query = host_and_path(request.url)
    answered = _answer(request, path, query, rules, etag_of)
    header_rules.apply(rules.headers, answered.headers, host, path)
    return answered


def _answer(request: Request, path: str, query: str, rules: Rules, etag_of: EtagOf) -> Answer:
    redirect, known = rules.redirects.find(path), False
    if redirect is not None:
        try:
            if redirect.status != 200:
                return _moved(redirect.status, redirects.location(redirect, request.url, query))
            path, known = redirects.rewritten(redirect), True
        except ValueError:
            # What the path put into the target made it no address: as if there were no such rule.
            return Answer(_NOT_FOUND, Headers())
    decoded = decode(path)
    intent = resolve(decoded, rules.html, rules.not_found, etag_of)
    if intent is None:
        return Answer(_NOT_FOUND, Headers(), is_known=known)
    if request.method not in ("GET", "HEAD"):
        return Answer(_METHOD_NOT_ALLOWED, Headers({"allow": "GET, HEAD"}))
    if isinstance(intent, Move):
        return _moved(_TEMPORARY_REDIRECT, encode(intent.path) + query)
    if (canonical := encode(decoded)) != path:
        return _moved(_TEMPORARY_REDIRECT, canonical + query)
    return _served(request, intent)


def _moved(status: int, to: str) -> Answer:
    return Answer(status, Headers({"location": to}))


def _served(request: Request, intent: Serve) -> Answer:
    strong = f'"{intent.etag}"'
    headers = Headers({"etag": strong})
    if (kind := content_type(intent.path)) is not None:
        headers["content-type"] = kind
    if "authorization" not in request.headers and "range" not in request.headers:
        headers["cache-control"] = ALWAYS_ASK_AGAIN
    if request.headers.get("if-none-match") in (strong, f"W/{strong}"):
        return Answer(_NOT_MODIFIED, headers)
    return Answer(intent.status, headers, intent.path, intent.etag)

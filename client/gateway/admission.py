"""Whether a request may come in, judged by its head. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from broker.http import Headers
from broker.http.url import normalised
from client.gateway.forwarding import Network, identify, inbound, read_fields
from client.gateway.incoming import too_large
from client.gateway.limits import TIMEOUT_HEADER, Limits, read_timeout
from client.gateway.problems import Refused
from client.gateway.routes import Route, canonical_host, canonical_path, find_route

_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{1,5})?", re.ASCII)
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}", re.ASCII)
_FORBIDDEN: Final = frozenset({"CONNECT", "TRACE", "TRACK"})

Scope = Mapping[str, Any]


class Admitted(NamedTuple):
    """A request that may come in: where it goes, what the service sees of it, and how long it may take."""

    route: Route
    method: str
    url: str
    headers: Headers
    seconds: float


def admit(
    scope: Scope, request_id: str, routes: Sequence[Route], limits: Limits, trusted: Sequence[Network]
) -> Admitted:
    """The request with the head in *scope*.

    Raises:
        Refused: it may not come in.
    """
    method = _legal_method(scope["method"])
    headers = _legal_headers(scope, limits)
    if "websocket" in headers.get("upgrade", "").lower():
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "WebSockets are not supported.")
    host = _legal_host(scope, headers)
    client = identify(headers, (scope.get("client") or ("",))[0], scope.get("scheme", "http"), trusted)
    url = _legal_url(scope, client.scheme, host)
    route = find_route(routes, canonical_host(host), _routed_path(scope, url))
    if route is None:
        raise Refused(HTTPStatus.NOT_FOUND, "No service is here.")
    if int(_digits(headers.get("content-length"))) > limits.body:
        raise too_large(limits.body)
    try:
        seconds = read_timeout(headers.get(TIMEOUT_HEADER), limits)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    return Admitted(route, method, url, inbound(headers, client, request_id), seconds)


def _legal_method(method: str) -> str:
    if not _METHOD.fullmatch(method):
        raise Refused(HTTPStatus.BAD_REQUEST, "The method is not legal.")
    if method.upper() in _FORBIDDEN:
        raise Refused(HTTPStatus.NOT_IMPLEMENTED, "The method is not supported.")
    return method


def _legal_headers(scope: Scope, limits: Limits) -> Headers:
    raw = list(scope["headers"])
    if len(raw) > limits.fields or sum(len(name) + len(value) for name, value in raw) > limits.head:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head of the request is too large.")
    try:
        return read_fields(raw)
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "A header is not legal.") from error


def _legal_host(scope: Scope, headers: Headers) -> str:
    named = headers.get_all("host")
    if not named and scope.get("http_version") == "1.0":
        named = [_own_address(scope)]
    if len(named) != 1 or not _HOST.fullmatch(named[0]):
        raise Refused(HTTPStatus.BAD_REQUEST, "The request names no legal host.")
    return named[0]


def _own_address(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}" if port else host


def _legal_url(scope: Scope, scheme: str, host: str) -> str:
    raw: bytes | None = scope.get("raw_path")
    path = quote(scope["path"], safe="/%") if raw is None else raw.decode("utf-8", "replace")
    if not path.startswith("/") or "?" in path or "#" in path:
        raise Refused(HTTPStatus.BAD_REQUEST, "The target of the request is not a path.")
    query = scope.get("query_string", b"").decode("utf-8", "replace")
    try:
        return normalised(f"{scheme}://{host}{path}{'?' if query else ''}{query}")
    except ValueError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, "The URL is not legal.") from error


def _routed_path(scope: Scope, url: str) -> str:
    """The path as routes see it: below where the gateway is mounted."""
    path, mount = canonical_path(urlsplit(url).path), canonical_path(scope.get("root_path", "")).removesuffix("/")
    return path.removeprefix(mount) or "/" if path == mount or path.startswith(f"{mount}/") else path


def _digits(text: str | None) -> str:
    return text if text and text.isascii() and text.isdigit() and len(text) < 20 else "0"

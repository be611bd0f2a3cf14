"""Which service answers a request: by host and by the beginning of the path. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from broker.errors import ConfigurationError
from broker.http.url import normalised
from broker.names import InvalidName, check_entrypoint, check_service

_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]", re.ASCII)
_FIX: Final = "Write HOST/PATH=SERVICE#Entrypoint, as in '/=worker_a' or 'host.example/admin=todo-app#AdminEntrypoint'."


class Route(NamedTuple):
    """What *host* (None: any) has under *path* is answered by *entrypoint* (None: the default one) of *service*."""

    host: str | None
    path: str
    service: str
    entrypoint: str | None = None

    def __str__(self) -> str:
        entrypoint = f"#{self.entrypoint}" if self.entrypoint else ""
        return f"{self.host or ''}{self.path}={self.service}{entrypoint}"


def read_route(text: str) -> Route:
    """Read `HOST/PATH=SERVICE#Entrypoint`; host and entrypoint may be left out.

    Raises:
        ConfigurationError: *text* is no such thing.
    """
    place, equals, target = text.rpartition("=")
    host, slash, path = place.partition("/")
    service, hash_sign, entrypoint = target.partition("#")
    if not equals or not slash or (hash_sign and not entrypoint):
        raise ConfigurationError(f"{text!r:.200} is no route. {_FIX}", fix=_FIX)
    if host and not _HOST.fullmatch(host):
        raise ConfigurationError(f"{text!r:.200}: {host!r} is no host name; it has no port and no wildcard.", fix=_FIX)
    try:
        check_service(service)
        check_entrypoint(entrypoint or None)
    except InvalidName as error:
        raise ConfigurationError(f"{text!r:.200}: {error}", fix=_FIX) from error
    return Route(canonical_host(host) or None, canonical_path(f"/{path}"), service, entrypoint or None)


def check_routes(routes: Iterable[Route]) -> tuple[Route, ...]:
    """The same routes, none of which hides another.

    Raises:
        ConfigurationError: there are none, or two are for the same place.
    """
    listed = tuple(routes)
    if not listed:
        raise ConfigurationError(f"The gateway has no route. {_FIX}", fix=_FIX)
    for place, route in enumerate(listed):
        if any((route.host, route.path) == (other.host, other.path) for other in listed[:place]):
            raise ConfigurationError(
                f"Two routes are for {route.host or ''}{route.path}.", fix="Leave one of them out."
            )
    return listed


def find_route(routes: Sequence[Route], host: str, path: str) -> Route | None:
    """The route for *path* of *host*, both canonical: one for that host before one for any, then the longest path.

    `/admin` is the beginning of `/admin` and `/admin/x`, not of `/administrator`; `/admin/` not of `/admin`.
    """
    fitting = [route for route in routes if route.host in (None, host) and _begins(path, route.path)]
    return max(fitting, key=lambda route: (route.host is not None, len(route.path)), default=None)


def _begins(path: str, beginning: str) -> bool:
    return path.startswith(beginning) and (beginning.endswith("/") or path[len(beginning) :][:1] in ("", "/"))


def canonical_host(host: str) -> str:
    """*host* as it is compared: in lower case, without a port and without the dot of the root."""
    name, bracket, _ = host.partition("]")
    return (f"{name}]" if bracket else host.partition(":")[0]).lower().removesuffix(".")


def canonical_path(path: str) -> str:
    """*path* as it is compared: no `.` and `..`, and escaped only what has to be."""
    url = normalised("http://host" + path.replace("?", "%3F").replace("#", "%23"))
    return _ESCAPE.sub(_unescaped, urlsplit(url).path)


def _unescaped(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if _UNRESERVED.fullmatch(character) else match[0].upper()

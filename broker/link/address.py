"""Where Redis is, read from a URL."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from broker.errors import ConfigurationError

SCHEMES = ("redis://", "rediss://", "unix://")


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is and who we are there; `shown` is safe to print."""

    shown: str
    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Read `redis://`, `rediss://` (TLS, verified) or `unix://` with user, password and database.

        Raises:
            ConfigurationError: *url* is none of these; the message says what one looks like.
        """
        if not url.startswith(SCHEMES):
            raise ConfigurationError(_explain(url, "it begins with none of " + ", ".join(SCHEMES)))
        # Half of the time that importing a client takes, so not at the top.
        from redis.asyncio.connection import parse_url  # pyright: ignore[reportUnknownVariableType]

        try:
            options: dict[str, Any] = dict(parse_url(url))
            _check(url, options)
            return cls(
                shown=_without_password(url),
                host=options.get("host") or "localhost",
                port=int(options.get("port") or 6379),
                path=options.get("path"),
                database=int(options.get("db") or 0),
                username=options.get("username"),
                password=options.get("password"),
                tls=_tls(options) if url.startswith("rediss://") else None,
            )
        except (ValueError, TypeError, OSError) as error:
            raise ConfigurationError(_explain(url, str(error))) from error


def _check(url: str, options: dict[str, Any]) -> None:
    """Refuse what redis passes over in silence."""
    if url.startswith("unix://"):
        if not options.get("path"):
            raise ValueError("the path of the socket is missing, as in unix:///run/redis.sock")
    elif (database := unquote(urlsplit(url).path).strip("/")) and not database.isdecimal():
        raise ValueError(f"the database is a number, not {database!r}")


def _tls(options: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_certfile"):
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    if str(options.get("ssl_cert_reqs", "required")) == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    login, at, place = parts.netloc.rpartition("@")
    user = login.partition(":")[0] + ":***" if at else ""
    # The query may carry credentials too (`?password=`), so it is not shown at all.
    return f"{parts.scheme}://{user}{at}{place}{parts.path}"


def _explain(url: str, why: str) -> str:
    try:
        shown = _without_password(url)
    except ValueError:
        shown = "it"
    return f"{shown!r} is not the URL of a Redis: {why}. Write for example redis://localhost:6379/0."

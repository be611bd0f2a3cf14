"""The servers that tests run on: their own, for one session, on a free port of loopback."""

import os
import shutil
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from broker.embedded import EmbeddedBroker, Kind
from broker.link import Address, Link

DEBUG = ("--enable-debug-command", "yes")


@contextmanager
def serving(kind: Kind) -> Iterator[str]:
    """The URL of a fresh server of this kind."""
    if kind == "redis-server" and shutil.which("redis-server") is None:
        missing = "There is no redis-server on PATH: nothing was tested on a real server."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with EmbeddedBroker(kind, options=DEBUG if kind == "redis-server" else ()) as broker:
        yield broker.url


def emptied(url: str) -> str:
    """The same URL, once its server is as it was when it started."""
    with redis.Redis.from_url(url, protocol=2) as client:
        client.flushall()
        client.script_flush()
    return url


@contextmanager
def configured(url: str, **settings: str | int) -> Iterator[None]:
    """Change settings of a real server, and put back what they were."""
    named = {name.replace("_", "-"): value for name, value in settings.items()}
    with redis.Redis.from_url(url, protocol=2) as client:
        before = {name: client.config_get(name)[name] for name in named}
        try:
            for name, value in named.items():
                client.config_set(name, value)
            yield
        finally:
            for name, value in before.items():
                client.config_set(name, value)


def port_of(url: str) -> int:
    port = urllib.parse.urlsplit(url).port
    assert port is not None
    return port


async def opened(url: str, *, name: str = "test", resend: bool = True, silence: float | None = 15.0) -> Link:
    """A link that is open."""
    link = Link(Address.parse(url), name=name, resend=resend, silence=silence)
    await link.open(5)
    return link

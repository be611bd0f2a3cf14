"""Which header fields pass the gateway, and what it says of the client. Pure.

A client can write anything, so what says who it is (`CF-Connecting-IP`, `X-Forwarded-*`, `Forwarded`, `X-Real-IP`) is
dropped and written anew, unless the connection comes from a proxy that is trusted.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from broker.errors import ConfigurationError
from broker.http import Headers
from client.fetching.fields import as_bytes, end_to_end
from client.gateway.limits import TIMEOUT_HEADER

RawFields: TypeAlias = Iterable[tuple[bytes, bytes]]
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

REQUEST_ID: Final = "x-request-id"

_OURS: Final = frozenset({TIMEOUT_HEADER, REQUEST_ID})
_SAID_OF_CLIENTS: Final = frozenset({
    "cf-connecting-ip", "cf-connecting-ipv6", "true-client-ip", "x-real-ip", "forwarded",
    "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server",
})  # fmt: skip
_WRITTEN_BY_THE_SERVER: Final = frozenset({"content-length", "date"})
_WITH_PORT: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", re.ASCII)
_UNSENDABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Client(NamedTuple):
    """Who sent a request, as far as that is known: its address, the proxies behind it, and the scheme it used."""

    address: str
    chain: str
    scheme: str


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks of trusted proxies: `10.0.0.0/8`, or a single address.

    Raises:
        ConfigurationError: one is neither.
    """
    try:
        return tuple(ipaddress.ip_network(text) for text in texts)
    except ValueError as error:
        raise ConfigurationError(f"A trusted proxy is an address or a network: {error}.") from error


def identify(headers: Headers, peer: str, scheme: str, trusted: Sequence[Network]) -> Client:
    """Who sent the request with these *headers* over a connection from *peer*.

    Where *peer* is trusted, it is the last of `X-Forwarded-For` that is not.
    """
    if not _is_within(peer, trusted):
        return Client(peer, peer, scheme)
    named = [part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]
    addresses = [_without_port(part) for part in named]
    strangers = [address for address in addresses if not _is_within(address, trusted)]
    given = headers.get("x-forwarded-proto", "").strip().lower()
    address = strangers[-1] if strangers else (addresses[0] if addresses else peer)
    return Client(
        address if _is_address(address) else peer,
        ", ".join([*named, peer]),
        given if given in ("http", "https") else scheme,
    )


def inbound(headers: Headers, client: Client, request_id: str) -> Headers:
    """The fields that the service sees of a request."""
    chunked = frozenset({"content-length"}) if "transfer-encoding" in headers else frozenset[str]()
    passing = end_to_end(headers, without=_OURS | _SAID_OF_CLIENTS | chunked)
    if len(cookies := passing.get_all("cookie")) > 1:
        # HTTP/2 sends them apart; they are the one field that a comma does not join.
        passing["cookie"] = "; ".join(cookies)
    for name, value in (
        ("cf-connecting-ip", client.address),
        ("x-forwarded-for", client.chain),
        ("x-forwarded-proto", client.scheme),
    ):
        if value:
            passing[name] = value
    passing[REQUEST_ID] = request_id
    return passing


def outbound(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The fields that the client sees of a response, without its length.

    Raises:
        ValueError: a value holds what no header can.
    """
    passing = end_to_end(headers, without=_WRITTEN_BY_THE_SERVER)
    for name, value in passing.dump():
        if _UNSENDABLE.search(value):
            raise ValueError(f"The value of header {name!r} holds a control character.")
    return as_bytes(passing)


def read_fields(raw: RawFields) -> Headers:
    """The header fields of a request as an ASGI server gives them.

    Raises:
        ValueError: one is not legal, or there are too many.
    """
    return Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def _without_port(part: str) -> str:
    """The address in *part*: some proxies write the port behind it."""
    found = _WITH_PORT.fullmatch(part)
    return (found[1] or found[2]) if found else part


def _is_within(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    # What a socket for both versions calls an address of version 4.
    mapped = (isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped) or found
    return any(found in network or mapped in network for network in networks)


def _is_address(text: str) -> bool:
    return _is_within(text, (_EVERYWHERE_4, _EVERYWHERE_6))


_EVERYWHERE_4: Final = ipaddress.ip_network("0.0.0.0/0")
_EVERYWHERE_6: Final = ipaddress.ip_network("::/0")

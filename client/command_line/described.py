"""What a service offers, as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast


def as_listing(service: str, offers: Mapping[str, Any]) -> str:
    """The entrypoints of *service* and their members, one a line, each with its documentation below it."""
    return "\n".join(
        [service, *(line for name, offer in offers.items() for line in _entrypoint(name, _mapping(offer)))]
    )


def _entrypoint(name: str, offer: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {name}"
    yield from _documentation(offer, "    ")
    if offer.get("fetch"):
        yield "    fetch(request) -> Response"
    for member, described in _mapping(offer.get("members")).items():
        yield f"    {_signature(str(member), _mapping(described))}"
        yield from _documentation(_mapping(described), "      ")


def _signature(name: str, described: Mapping[str, Any]) -> str:
    signature = str(described.get("signature") or f"{name}()")
    if described.get("kind") != "property":
        return signature
    # A getter takes no arguments, and reads as what it is for its caller.
    return signature.replace("() -> ", ": ", 1).removesuffix("()") + "  (property)"


def _documentation(described: Mapping[str, Any], indent: str) -> Iterator[str]:
    for line in str(described.get("doc") or "").splitlines():
        yield f"{indent}{line}".rstrip()


def _mapping(value: object) -> Mapping[str, Any]:
    # Offers come from workers of any version: what cannot be read is left out.
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}

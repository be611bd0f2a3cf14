"""What a service offers, as people read it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from client.offers.reading import entrypoints_of, mapping, members_of, text
from client.offers.targets import Claims, targets_of


class Line(NamedTuple):
    """A line of the listing: how far it is indented, what it is, and its text."""

    depth: int
    kind: str
    text: str


def as_listing(service: str, offers: Mapping[str, Any]) -> str:
    """The entrypoints of *service* and their members, one a line, each with its documentation below it."""
    return "\n".join(f"{'  ' * line.depth}{line.text}".rstrip() for line in lines_of(service, offers))


def lines_of(service: str, offers: Mapping[str, Any]) -> Iterator[Line]:
    """The listing line by line: `service`, `entrypoint`, `doc`, `method`, `property`, `stream`."""
    yield Line(0, "service", f"{service}{_running(offers)}")
    for name, offer in entrypoints_of(offers):
        yield Line(1, "entrypoint", name)
        yield from _documentation(offer, 2)
        if offer.get("fetch") is True:
            yield Line(2, "method", "fetch(request) -> Response")
        yield from _members(members_of(offer))
    for name, described, _ in targets_of(offers, Claims().claim)[1]:
        yield Line(1, "entrypoint", f"{name}  (objects, by reference)")
        yield from _documentation(described, 2)
        yield from _members(members_of(described, target=True))


def _members(members: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Line]:
    for name, described in members:
        yield from _member(name, described)
        yield from _documentation(described, 3)


def _running(offers: Mapping[str, Any]) -> str:
    """Which code the workers run, as far as they agree."""
    known = [mapping(offer) for offer in offers.values()]
    versions = {text(offer.get("version")) for offer in known} - {""}
    digests = {text(offer.get("digest")) for offer in known} - {""}
    said = [f"version {next(iter(versions))}"] if len(versions) == 1 else []
    said += [f"code {next(iter(digests))}"] if len(digests) == 1 else []
    return f"  ({', '.join(said)})" if said else ""


def _member(name: str, described: Mapping[str, Any]) -> Iterator[Line]:
    signature = " ".join(text(described.get("signature")).split()) or f"{name}()"
    if described.get("kind") == "property":
        # A getter takes no arguments, and reads as what it is for its caller.
        yield Line(2, "property", signature.replace("() -> ", ": ", 1).removesuffix("()") + "  (property)")
    elif described.get("stream") is True:
        yield Line(2, "stream", f"{signature}  (stream)")
    else:
        yield Line(2, "method", signature)


def _documentation(described: Mapping[str, Any], depth: int) -> Iterator[Line]:
    for line in text(described.get("doc")).splitlines():
        yield Line(depth, "doc", line)

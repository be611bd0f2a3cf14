"""The face of a service as callers without an event loop see it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from client.offers.face import ANY, EntrypointFace, Face, Member, Type


def without_await(face: Face) -> Face:
    """*face* for `connect_blocking`: streams are read with `for`, and functions give what they give at once."""
    records = {
        name: replace(record, fields={key: replace(f, type=_plain(f.type)) for key, f in record.fields.items()})
        for name, record in face.records.items()
    }
    return Face(_classes(face.entrypoints), records, _classes(face.targets))


def _classes(classes: Mapping[str, EntrypointFace]) -> dict[str, EntrypointFace]:
    return {
        name: replace(each, members={key: _member(member) for key, member in each.members.items()})
        for name, each in classes.items()
    }


def _member(member: Member) -> Member:
    parameters = tuple(replace(each, type=_plain(each.type)) for each in member.parameters)
    return replace(member, parameters=parameters, result=_plain(member.result))


def _plain(given: Type) -> Type:
    arguments = tuple(map(_plain, given.arguments))
    if given.name == "RpcStub":
        # Nothing is known of it but that it has members.
        return ANY
    if given.name == "AsyncIterator":
        return Type("Iterator", arguments)
    if given.name == "AsyncIterable":
        return Type("Generator", (*arguments, ANY, ANY))
    if given.name == "Callable" and arguments[0].name == "Awaitable":
        return Type("Callable", (*arguments[0].arguments, *arguments[1:]))
    return Type(given.name, arguments, given.values)

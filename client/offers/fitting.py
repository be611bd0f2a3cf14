"""Whether a service still fits recorded types, and which assumptions of its callers broke. Pure.

What callers give may be taken by more, what they get may be less: a service may grow new entrypoints, methods and
optional parameters, take wider types and return narrower ones. Everything else breaks somebody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from client.offers.face import EntrypointFace, Face, Member, Parameter, Record, Scalar, Type, union
from client.offers.spelling import spell

_WIDER: Final[Mapping[str, frozenset[str]]] = {
    "bool": frozenset({"int", "float"}),
    "int": frozenset({"float"}),
    "datetime": frozenset({"date"}),
}
"""What type checkers take a type for."""


class Broken(NamedTuple):
    """What callers may no longer assume, as one sentence, and the line of the recorded file that says they may."""

    line: int
    text: str


def broken_by(recorded: Face, live: Face) -> list[Broken]:
    """What callers that were written for *recorded* may no longer assume of *live*."""
    return list(_Comparison(recorded, live).all())


_KINDS: Final = {"method": "a method", "property": "a property", "stream": "a stream"}


class _Comparison:
    def __init__(self, recorded: Face, live: Face) -> None:
        self._recorded = recorded
        self._live = live
        self._assumed: set[tuple[str, str, bool]] = set()
        self._objects: list[tuple[str, str]] = []
        """The classes of objects that callers get, and the recorded ones that they take them for."""

    def all(self) -> Iterator[Broken]:
        for name, recorded in self._recorded.entrypoints.items():
            live = self._live.entrypoints.get(name)
            if live is None and name in self._recorded.targets:
                continue
            if live is None:
                yield Broken(recorded.line, f"{name}: the entrypoint is gone.")
            else:
                yield from self._class(recorded, live)
        for live_name, name in self._objects:
            yield from self._class(self._recorded.classes[name], self._live.classes[live_name])

    def _class(self, recorded: EntrypointFace, live: EntrypointFace) -> Iterator[Broken]:
        if recorded.fetch and not live.fetch:
            yield Broken(recorded.line, f"{recorded.name}.fetch(): there is no handler any more.")
        for name, member in recorded.members.items():
            found = live.members.get(name)
            label = f"{recorded.name}.{name}" + ("" if member.kind == "property" else "()")
            yield from (Broken(member.line, f"{label}: {what}") for what in self._compared(member, found))

    def _compared(self, recorded: Member, live: Member | None) -> Iterator[str]:
        if live is None:
            yield "it is gone."
        elif live.kind != recorded.kind:
            was, now = (_KINDS[each.kind] for each in (recorded, live))
            yield f"it was {was} and is {now}."
        else:
            yield from self._member(recorded, live)

    def _member(self, recorded: Member, live: Member) -> Iterator[str]:
        yield from self._parameters(recorded.parameters, live.parameters)
        if not self._fits(live.result, recorded.result, given=False):
            what = {"method": "it returns", "property": "it is", "stream": "its items are"}[recorded.kind]
            wanted = self._relied_on(recorded.result, live.result)
            yield f"{what} {self._told(live.result, self._live)} where callers rely on {wanted}."

    def _parameters(self, recorded: Sequence[Parameter], live: Sequence[Parameter]) -> Iterator[str]:
        taken = _Taken(live)
        for at, each in enumerate(_positional(recorded)):
            found = taken.at(at)
            yield from taken.misplaced(each, found)
            if found is None or taken.stands_elsewhere(each, found):
                found = taken.named.get(each.name)
            if found is not None:
                taken.met.add(found.name)
                yield from self._parameter(each, found)
        for each in recorded:
            if each.kind in ("positional", "any"):
                continue
            found = taken.counterpart(each)
            if found is None:
                stars = {"rest": "*", "named": "**"}.get(each.kind, "")
                yield f"parameter '{stars}{each.name}' is gone."
            else:
                taken.met.add(found.name)
                yield from self._parameter(each, found)
        for each in live:
            if not each.optional and each.name not in taken.met:
                yield f"parameter '{each.name}' is new and required."

    def _parameter(self, recorded: Parameter, live: Parameter) -> Iterator[str]:
        if recorded.optional and not live.optional:
            yield f"parameter '{recorded.name}' is required now."
        if not self._fits(recorded.type, live.type, given=True):
            wanted = self._told(live.type, self._live)
            yield f"parameter '{recorded.name}' takes {wanted} where callers give {spell(recorded.type)}."

    def _relied_on(self, recorded: Type, live: Type) -> str:
        """*recorded*, with a word on what live types of the same name no longer are."""
        shown = spell(recorded)
        gone = {*recorded.names()} & self._recorded.targets.keys() & self._live.records.keys() & {*live.names()}
        return f"{shown} (objects, by reference)" if gone else shown

    def _told(self, given: Type, face: Face) -> str:
        """*given*, with the keys of those of its records, nested ones too, that the other side has but otherwise."""
        shown = spell(given)
        for record in _reached(given, face):
            other = self._recorded.records.get(record.name)
            if other is not None and record.fields != other.fields:
                keys = (f"{key}{'' if f.required else '?'}: {spell(f.type)}" for key, f in record.fields.items())
                shown += f" ({record.name} has {', '.join(keys)})"
        return shown

    def _fits(self, narrow: Type, wide: Type, *, given: bool) -> bool:
        """Whether every value of *narrow* is one of *wide*; what is *given* is recorded, what is returned live."""
        if "Any" in (narrow.name, wide.name) or wide.name == "object":
            return True
        if narrow.name == "|":
            return all(self._fits(each, wide, given=given) for each in narrow.arguments)
        if narrow.name == "Literal":
            return all(_takes_value(wide, value) for value in narrow.values)
        if wide.name == "|":
            # Its namesake first: it is the one that was meant.
            wider = sorted(wide.arguments, key=lambda each: each.name != narrow.name)
            return any(self._fits(narrow, each, given=given) for each in wider)
        mine, theirs = (self._recorded, self._live) if given else (self._live, self._recorded)
        if narrow.name in mine.classes and wide.name in theirs.classes:
            return self._is_object(narrow.name, wide.name, given=given)
        if narrow.name in mine.records:
            if wide.name in theirs.records:
                return self._record_fits(mine.records[narrow.name], theirs.records[wide.name], given=given)
            return wide.name == "dict" and (not wide.arguments or wide.arguments[1].name in ("Any", "object"))
        if narrow.name == wide.name == "Callable":
            return self._function_fits(narrow.arguments, wide.arguments, given=given)
        if narrow.name == wide.name:
            return self._arguments_fit(narrow.arguments, wide.arguments, given=given)
        return wide.name in _WIDER.get(narrow.name, ())

    def _is_object(self, narrow: str, wide: str, *, given: bool) -> bool:
        """Take note of a class that callers get. What they give is theirs, and nobody here knows what it can do."""
        if not given and (narrow, wide) not in self._objects:
            self._objects.append((narrow, wide))
        return True

    def _function_fits(self, narrow: Sequence[Type], wide: Sequence[Type], *, given: bool) -> bool:
        returns, mine, theirs = self._fits(_awaited(narrow[0]), _awaited(wide[0]), given=given), narrow[1:], wide[1:]
        if Type("...") in (*mine, *theirs):
            return returns
        return (
            returns
            and len(mine) == len(theirs)
            and all(self._fits(each, other, given=not given) for each, other in zip(theirs, mine, strict=True))
        )

    def _arguments_fit(self, narrow: Sequence[Type], wide: Sequence[Type], *, given: bool) -> bool:
        if not narrow or not wide:
            return narrow == wide or not wide
        if wide[-1].name == "...":
            return all(self._fits(each, wide[0], given=given) for each in narrow if each.name != "...")
        return len(narrow) == len(wide) and all(
            self._fits(mine, theirs, given=given) for mine, theirs in zip(narrow, wide, strict=True)
        )

    def _record_fits(self, narrow: Record, wide: Record, *, given: bool) -> bool:
        pair = (narrow.name, wide.name, given)
        if pair in self._assumed:
            # Records that contain themselves fit if the rest of them does.
            return True
        self._assumed.add(pair)
        try:
            there = all(
                key in narrow.fields and narrow.fields[key].required for key, f in wide.fields.items() if f.required
            )
            # A key that callers give and nobody takes any more was given for something.
            known = not given or narrow.fields.keys() <= wide.fields.keys()
            shared = narrow.fields.keys() & wide.fields.keys()
            return (
                there
                and known
                and all(self._fits(narrow.fields[key].type, wide.fields[key].type, given=given) for key in shared)
            )
        finally:
            self._assumed.discard(pair)


class _Taken:
    """The parameters of a live method, by the ways to give them; *met* are those that recorded ones have found."""

    def __init__(self, live: Sequence[Parameter]) -> None:
        self.positional = _positional(live)
        self.named = {each.name: each for each in live if each.kind in ("any", "keyword")}
        self.rest = next((each for each in live if each.kind == "rest"), None)
        self.others = next((each for each in live if each.kind == "named"), None)
        self.met: set[str] = set()

    def at(self, position: int) -> Parameter | None:
        """What takes the argument at *position*."""
        return self.positional[position] if position < len(self.positional) else self.rest

    def counterpart(self, recorded: Parameter) -> Parameter | None:
        """What takes what is given as a keyword, as further arguments, or as further keywords."""
        if recorded.kind == "rest":
            return self.rest
        return self.others if recorded.kind == "named" else self.named.get(recorded.name, self.others)

    def stands_elsewhere(self, recorded: Parameter, found: Parameter) -> bool:
        """Whether *found* has only the position of *recorded*, whose name another one has."""
        return recorded.kind == "any" and found.name != recorded.name and recorded.name in self.named

    def misplaced(self, recorded: Parameter, found: Parameter | None) -> Iterator[str]:
        """What no longer holds of where *recorded* is given, *found* being what takes its position."""
        if found is None:
            yield f"parameter '{recorded.name}' is no longer taken by position."
        elif self.stands_elsewhere(recorded, found):
            yield f"parameter '{recorded.name}' stands elsewhere now."
        elif recorded.kind == "any" and found.name != recorded.name:
            if found.kind == "any":
                yield f"parameter '{recorded.name}' is called '{found.name}' now."
            elif self.others is None:
                yield f"parameter '{recorded.name}' is no longer taken by name."
        elif recorded.kind == "any" and found.kind == "positional" and self.others is None:
            yield f"parameter '{recorded.name}' is no longer taken by name."


def _reached(given: Type, face: Face) -> Iterator[Record]:
    """The records of *face* that *given* names, and those that these name in turn; each once."""
    ahead, seen = list(given.names()), set[str]()
    while ahead:
        name = ahead.pop(0)
        record = None if name in seen else face.records.get(name)
        seen.add(name)
        if record is not None:
            yield record
            ahead += (each for field in record.fields.values() for each in field.type.names())


def _positional(parameters: Sequence[Parameter]) -> list[Parameter]:
    return [each for each in parameters if each.kind in ("positional", "any")]


def _awaited(given: Type) -> Type:
    """What *given* is once it was waited for."""
    if given.name == "|":
        return union([_awaited(each) for each in given.arguments])
    return given.arguments[0] if given.name == "Awaitable" and given.arguments else given


def _takes_value(wide: Type, value: Scalar) -> bool:
    if wide.name == "|":
        return any(_takes_value(each, value) for each in wide.arguments)
    if wide.name == "Literal":
        return any(type(each) is type(value) and each == value for each in wide.values)
    plain = "None" if value is None else type(value).__name__
    return wide.name in ("Any", "object", plain) or wide.name in _WIDER.get(plain, ())

"""A face: the types of a service as its callers see them. Pure data, made from the registry or from a recorded file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Type:
    """A type: its name, the types in its brackets, and of a `Literal` the values.

    A union is called `|`; `...` stands for the dots in `tuple[int, ...]`. Of a `Callable` what it returns comes first,
    then what it takes. *size* is how many types it is when written out: one that is made of a few, each of them several
    times, may be larger than what any machine holds.
    """

    name: str
    arguments: tuple[Type, ...] = ()
    values: tuple[Scalar, ...] = ()
    size: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", 1 + sum(argument.size for argument in self.arguments))

    def names(self) -> Iterator[str]:
        """The names of this type and of all in it."""
        yield self.name
        for argument in self.arguments:
            yield from argument.names()


ANY: Final = Type("Any")
NONE: Final = Type("None")


def union(types: list[Type]) -> Type:
    """The union of *types*, flat and without repetitions; `Any` swallows all others."""
    flat: list[Type] = []
    for each in types:
        flat += each.arguments if each.name == "|" else [each]
    if not flat or ANY in flat:
        return ANY
    values = tuple(dict.fromkeys((type(v), v) for each in flat for v in each.values))
    if values:
        literal = Type("Literal", values=tuple(value for _, value in values))
        flat = [literal, *(each for each in flat if each.name != "Literal")]
    # None comes last, as people write it.
    unique = sorted(dict.fromkeys(flat), key=lambda each: each == NONE)
    return unique[0] if len(unique) == 1 else Type("|", tuple(unique))


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a record."""

    type: Type
    required: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """A dict with known keys: how a model or a dataclass travels.

    *twin* says that it is taken by methods, and that others return it with every key present.
    """

    name: str
    fields: Mapping[str, Field]
    doc: str = ""
    twin: bool = False


ParameterKind = Literal["positional", "any", "rest", "keyword", "named"]
MemberKind = Literal["method", "property", "stream"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a method; `rest` is `*args`, `named` is `**kwargs`, their type that of one value."""

    name: str
    kind: ParameterKind
    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Member:
    """A method, a property, or a method whose result is a stream; *result* is what awaiting or an item gives."""

    name: str
    kind: MemberKind
    parameters: tuple[Parameter, ...] = ()
    result: Type = ANY
    doc: str = ""
    line: int = field(default=0, compare=False)
    """Where it stands in the file that it was read from; 0 if it was not."""


ANYTHING: Final = (Parameter("args", "rest", ANY, optional=True), Parameter("kwargs", "named", ANY, optional=True))
"""The parameters of a method of which nothing is known."""


@dataclass(frozen=True, slots=True)
class EntrypointFace:
    """An entrypoint, or a class of objects that travel by reference, with its members by name."""

    name: str
    members: Mapping[str, Member]
    fetch: bool = False
    doc: str = ""
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Face:
    """A service: its entrypoints, and the records and the classes of objects that their types speak of."""

    entrypoints: Mapping[str, EntrypointFace]
    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    targets: Mapping[str, EntrypointFace] = field(default_factory=dict[str, EntrypointFace])

    @property
    def classes(self) -> Mapping[str, EntrypointFace]:
        """All that have members, objects first."""
        return {**self.targets, **self.entrypoints}

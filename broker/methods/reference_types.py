"""Types whose values travel by reference: objects, functions and streams, wherever they stand in an annotation.

pydantic knows nothing of them, so each is replaced by a marker, which says what to do with a value that comes and what
the registry has to say of the type. What then becomes of the value is for whoever checks: it is the context of the
validation, a `Handling`; without one a value that fits stays as it is.
"""

from __future__ import annotations

import typing
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
)
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, Protocol, Self, Union, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import TypeAliasType, Unpack

REFERENCE: Final = "callyard_reference"
"""The key in the metadata of a core schema under which its marker stands."""

STREAMS: Final = (AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterator)
"""What a method may promise that travels as a stream in any case."""
_STEPWISE: Final = (*STREAMS, Iterable)
_WAITING: Final = (Awaitable, Coroutine)
_PLAIN: Final = (type(None), bool, int, float, str, bytes, list, dict, tuple, set, frozenset)
_UNPACKED: Final = (typing.Unpack, Unpack)
_ALIASES: Final = tuple({TypeAliasType, getattr(typing, "TypeAliasType", TypeAliasType)})

Check = Callable[[Any], Any]


class Handling(Protocol):
    """What becomes of values that travel by reference and fit."""

    def take_object(self, value: Any, cls: type) -> Any:
        """An object of *cls*, or a stub of one."""
        ...

    def take_function(self, value: Any, returns: Any) -> Any:
        """A function, or a stub of one, that gives *returns*."""
        ...

    def take_stream(self, value: Any, where: str, check: Check) -> Any:
        """A stream, each item of which *check* checks; *where* is what it came as, such as "parameter 'lines'"."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ObjectType:
    """Marks the place of a class whose objects travel by reference."""

    cls: type

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return self.schema()

    def schema(self) -> CoreSchema:
        """What pydantic is told of the class."""
        return core_schema.with_info_plain_validator_function(self._take, metadata={REFERENCE: self})

    def _take(self, value: Any, info: core_schema.ValidationInfo[Handling | None]) -> Any:
        if not self._fits(value):
            raise PydanticCustomError(
                "reference", "Input should be a {name} or a stub of one", {"name": self.cls.__name__}
            )
        return value if info.context is None else info.context.take_object(value, self.cls)

    def _fits(self, value: Any) -> bool:
        if is_stub(value):
            return True
        # What a protocol asks for no plain value has.
        return type(value) not in _PLAIN if _is_protocol(self.cls) else isinstance(value, self.cls)


@dataclass(frozen=True, slots=True, eq=False)
class FunctionType:
    """Marks the place of a function; *takes* is None where it may take anything."""

    returns: Any
    takes: tuple[Any, ...] | None

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._take, metadata={REFERENCE: self})

    def _take(self, value: Any, info: core_schema.ValidationInfo[Handling | None]) -> Any:
        if not callable(value):
            raise PydanticCustomError("function", "Input should be callable")
        return value if info.context is None else info.context.take_function(value, self.returns)


@dataclass(frozen=True, slots=True, eq=False)
class StreamType:
    """Marks the place of a stream of what it stands with; *where* is what the stream comes as, for error texts."""

    where: str
    strict: bool
    """Whether nothing but a stream will do."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_wrap_validator_function(self._take, handler(source), metadata={REFERENCE: self})

    def _take(self, value: Any, check: Check, info: core_schema.ValidationInfo[Handling | None]) -> Any:
        if is_stream(value):
            return value if info.context is None else info.context.take_stream(value, self.where, check)
        if self.strict:
            raise PydanticCustomError("stream", "Input should be a stream")
        return [check(item) for item in cast("list[Any]", value)] if type(value) is list else value


MARKERS: Final = (FunctionType, ObjectType, StreamType)
"""All of them."""


def with_markers(
    annotation: Any, where: str, *, own: type | None = None, more: Callable[[Any], Any] | None = None
) -> Any:
    """*annotation* with a marker in the place of each type whose values travel by reference; itself if there is none.

    *where* is what values of it come as, for error texts; *own* is the class that `Self` means. What *more* gives for a
    part, if it gives anything but the part, goes before all else.
    """
    return _Marking(where, own, more).mark(annotation)


def stream_of(annotation: Any) -> tuple[StreamType | None, Any]:
    """The marker of *annotation*, if it is one of a stream, and the type of the items."""
    if typing.get_origin(annotation) is Annotated and isinstance(annotation.__metadata__[-1], StreamType):
        *others, marker = annotation.__metadata__
        return marker, Annotated[(annotation.__origin__, *others)] if others else annotation.__origin__
    return None, annotation


def is_stub(value: Any) -> bool:
    """Whether *value* stands for an object, a function or a service elsewhere."""
    return hasattr(cast("type[Any]", type(value)), "__callyard_start__")


def is_stream(value: Any) -> bool:
    """Whether *value* travels as a stream: an async iterable, or a generator."""
    return isinstance(value, AsyncIterable | Generator)


def is_referred(cls: Any) -> bool:
    """Whether objects of *cls* travel by reference, so that a stub comes in their place."""
    if not isinstance(cls, type):
        return False
    if any("__callyard_reserved__" in vars(base) for base in cls.__mro__):
        return True
    # A protocol of nothing but Python's own methods, such as `__len__`, is one of plain values.
    return hasattr(cls, "__callyard_start__") or (_is_protocol(cls) and bool(_declared(cls)))


def _awaited(annotation: Any) -> Any:
    """What *annotation* is once it was waited for: `Awaitable[int] | None` is `int | None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _WAITING:
        return _awaited(arguments[-1])
    if origin in (Union, UnionType):
        return Union[tuple(_awaited(each) for each in arguments)]  # noqa: UP007 -- of as many as there are
    return annotation


class _Marking:
    def __init__(self, where: str, own: type | None, more: Callable[[Any], Any] | None) -> None:
        self._where = where
        self._own = own
        self._more = more
        self._open: list[Any] = []
        """Aliases that are being looked into: one may contain itself."""

    def mark(self, annotation: Any) -> Any:
        if self._more is not None and (found := self._more(annotation)) is not annotation:
            return found
        if self._own is not None and annotation is Self:
            annotation = self._own
        if is_referred(annotation):
            return Annotated[Any, ObjectType(annotation)]
        if isinstance(annotation, _ALIASES):
            return self._alias(annotation)
        origin: Any = typing.get_origin(annotation) or annotation
        if origin is Callable:
            return self._function(annotation)
        if origin in _STEPWISE:
            return self._stream(annotation, origin)
        return self._inside(annotation, origin)

    def _stream(self, annotation: Any, origin: Any) -> Any:
        arguments = typing.get_args(annotation)
        item = self.mark(arguments[0]) if arguments else Any
        return Annotated[item, StreamType(self._where, origin is not Iterable)]

    def _function(self, annotation: Any) -> Any:
        takes, returns = typing.get_args(annotation) or (..., Any)
        known = tuple(self.mark(each) for each in takes) if isinstance(takes, list) else None  # pyright: ignore[reportUnknownVariableType]
        return Annotated[Any, FunctionType(self.mark(_awaited(returns)), known)]

    def _alias(self, alias: Any) -> Any:
        if any(alias is each for each in self._open):
            return alias
        self._open.append(alias)
        try:
            found = self.mark(alias.__value__)
        finally:
            self._open.pop()
        return alias if found is alias.__value__ else found

    def _inside(self, annotation: Any, origin: Any) -> Any:
        arguments: tuple[Any, ...] = typing.get_args(annotation)
        if not arguments or origin is Literal:
            return annotation
        if any(typing.get_origin(each) in _UNPACKED for each in arguments):
            # pydantic does not know them, and would take each for one item of a tuple.
            return origin[Any, ...]
        if origin is Annotated:
            arguments = (annotation.__origin__, *annotation.__metadata__)
            changed = (self.mark(arguments[0]), *arguments[1:])
        else:
            changed = tuple(self.mark(each) for each in arguments)
        if all(new is old for new, old in zip(changed, arguments, strict=True)):
            return annotation
        if origin in (Union, UnionType):
            return Union[changed]  # noqa: UP007 -- of as many as there are
        return origin[changed[0] if len(changed) == 1 else changed]


def _is_protocol(cls: type) -> bool:
    return getattr(cls, "_is_protocol", False) is True


def _declared(cls: type) -> set[str]:
    bases = [base for base in cls.__mro__ if _is_protocol(base) and base.__module__ != "typing"]
    return {name for base in bases for name in (*vars(base), *vars(base).get("__annotations__", {})) if name[:1] != "_"}

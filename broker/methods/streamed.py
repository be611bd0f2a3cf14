"""Checking the items of streams, one by one as they come, on either side of a call."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from typing import Any, Self, cast

from pydantic import ValidationError

from broker.http import BodyStream
from broker.methods.mismatch import explain_result

Check = Callable[[Any], Any]
Wrong = Callable[[str], Exception]
"""Makes the error that a text is raised as."""


class CheckedReferences:
    """What a service does with references that fit: it takes and gives them as they are, and checks items of streams.

    *wrong* makes the error of an item that does not fit.
    """

    def __init__(self, label: str, wrong: Wrong) -> None:
        self._label = label
        self._wrong = wrong

    def take_object(self, value: Any, _cls: type) -> Any:
        """The object, as it is."""
        return value

    def take_function(self, value: Any, _returns: Any) -> Any:
        """The function, as it is."""
        return value

    def take_stream(self, value: Any, where: str, check: Check) -> Any:
        """The stream, each item checked when it is read."""
        return each(value, _numbered(check, lambda number, what: self._error(number, where, what)))

    def _error(self, number: int, where: str, what: str) -> Exception:
        return self._wrong(f"{self._label}: item {number} of {where} {what}")


def each(stream: Any, convert: Callable[[int, Any], Any]) -> Any:
    """*stream* with each item as *convert* makes it of its number, from 1, and what it was; an error of it ends both.

    A stream of another process stays the object that it is.
    """
    if isinstance(stream, BodyStream):
        # Bytes in any case, and read in its own way when it leaves.
        return stream
    convert_items = getattr(stream, "__callyard_each__", None)
    if convert_items is not None:
        convert_items(convert)
        return stream
    kept: AsyncIterable[Any] = stream
    return _Converted(kept, convert) if isinstance(stream, AsyncIterable) else _converted(stream, convert)


def _numbered(check: Check, wrong: Callable[[int, str], Exception]) -> Callable[[int, Any], Any]:
    def convert(number: int, item: Any) -> Any:
        try:
            return check(item)
        except ValidationError as error:
            message = explain_result(error)
        except Exception as error:
            message = f"could not be checked ({type(error).__name__})"
        raise wrong(number, message)

    return convert


class _Converted(AsyncIterator[Any]):
    """An async iterable of this process, converted; closing it closes the iterable."""

    def __init__(self, source: AsyncIterable[Any], convert: Callable[[int, Any], Any]) -> None:
        self._source = source
        self._iterator = aiter(source)
        self._convert = convert
        self._number = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        item = await anext(self._iterator)
        self._number += 1
        return self._convert(self._number, item)

    async def aclose(self) -> None:
        """Close what is read."""
        for part in (self._iterator, self._source):
            if hasattr(cast("type[Any]", type(part)), "aclose"):
                await cast("Any", part).aclose()


def _converted(source: Generator[Any, None, None], convert: Callable[[int, Any], Any]) -> Generator[Any, None, None]:
    """A plain generator, converted: it stays one, so that it is run in a thread."""
    try:
        for number, item in enumerate(source, 1):
            yield convert(number, item)
    finally:
        source.close()

"""The arguments of a call as bytes, where they are not plain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from broker.codec import encode
from broker.references import Dumping


def encode_arguments(args: tuple[Any, ...], kwargs: dict[str, Any], limit: int, references: Dumping) -> bytes:
    """The body of a calling step whose arguments are not plain.

    Raises:
        DataCloneError: an argument cannot cross; the message names which.
        PayloadTooLarge: they are larger than *limit* together.
        NotYet: there are promises among them that have to be awaited.
    """

    def named() -> Iterator[tuple[str, Any]]:
        yield from ((f"argument {place}", value) for place, value in enumerate(args, 1))
        yield from ((f"argument {name!r}", value) for name, value in kwargs.items())

    return encode([list(args), kwargs], limit=limit, parts=named, references=references)

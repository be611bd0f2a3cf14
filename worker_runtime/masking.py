"""Secrets stay secret: their values are taken out of what this process says, logs, and tells callers of failures."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

SHORTEST: Final = 4
"""Shorter values are left alone: taking every `1` out of a message hides nothing and makes it useless."""
MASK: Final = "***"


class Mask:
    """Takes the values of secrets out of texts. Its `repr` shows none."""

    __slots__ = ("_texts",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        texts = {text for secret in secrets for text in _written(secret) if len(text) >= SHORTEST}
        # The longest first: one secret may be part of another.
        self._texts: Final = tuple(sorted(texts, key=len, reverse=True))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def text(self, text: str) -> str:
        """*text* without secrets."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def value(self, value: Any) -> Any:
        """A plain value without secrets in its texts, keys included; what holds none is returned as it is."""
        match value:
            case str():
                return self.text(value)
            case list() | tuple():
                items = cast("list[Any] | tuple[Any, ...]", value)
                return type(items)([self.value(item) for item in items])
            case dict():
                return {self.value(key): self.value(item) for key, item in cast("dict[Any, Any]", value).items()}
            case _:
                return value


def mask_of(configurations: Iterable[Any]) -> Mask:
    """A mask for the secrets of all these configurations of services."""
    secrets: list[Mapping[str, str]] = [one.secrets for one in configurations]
    return Mask(secret for values in secrets for secret in values.values())


class MaskingFormatter(logging.Formatter):
    """Formats as any formatter does, tracebacks included, and masks the result."""

    def __init__(self, form: str, mask: Mask) -> None:
        super().__init__(form)
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        """The text of *record* without secrets."""
        return self._mask.text(super().format(record))


def _written(secret: str) -> Iterable[str]:
    """The ways in which a message may show *secret*: as it is, within a `repr`, and line by line."""
    yield secret
    yield repr(secret)[1:-1]
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines())

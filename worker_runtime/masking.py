"""Secrets stay secret: their values are taken out of what this process says, logs, and tells callers of failures."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, quote_plus

SHORTEST: Final = 4
"""Shorter values are left alone: taking every `1` out of a message hides nothing and makes it useless."""
MASK: Final = "***"

_log = logging.getLogger("callyard.worker")


class Mask:
    """Takes the values of secrets out of texts. Its `repr` shows none."""

    __slots__ = ("_texts",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        long = (secret for secret in secrets if len(secret) >= SHORTEST)
        texts = {text for secret in long for text in _written(secret) if len(text) >= SHORTEST}
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
            case bytes() | bytearray():
                return self._bytes(value)
            case list() | tuple() | set() | frozenset():
                items = cast("list[Any] | tuple[Any, ...] | set[Any] | frozenset[Any]", value)
                return type(items)([self.value(item) for item in items])
            case dict():
                return {self.value(key): self.value(item) for key, item in cast("dict[Any, Any]", value).items()}
            case _:
                return value

    def _bytes(self, data: bytes | bytearray) -> bytes | bytearray:
        for secret in self._texts:
            data = data.replace(secret.encode("utf-8", "surrogatepass"), MASK.encode())
        return data


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


def log_what_python_says() -> None:
    """Log warnings and the failures of threads and destructors, which Python writes past every log."""
    logging.captureWarnings(capture=True)
    threading.excepthook = _thread_failed
    sys.unraisablehook = _destructor_failed


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_type is not SystemExit:
        name = "a thread" if failure.thread is None else f"the thread {failure.thread.name}"
        _log.error("%s failed", name, exc_info=failure.exc_value)


def _destructor_failed(failure: sys.UnraisableHookArgs) -> None:
    _log.error("%s %r", failure.err_msg or "Exception ignored in", failure.object, exc_info=failure.exc_value)


def _written(secret: str) -> Iterable[str]:
    """The ways in which a message may show *secret*: as it is, as Python, JSON or a URL has it, and line by line."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, errors="replace")
    yield quote(secret, "", errors="replace")
    yield quote_plus(secret, errors="replace")
    if "\n" in secret:
        yield from (line.strip() for line in secret.splitlines())

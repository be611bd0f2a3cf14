"""Forms as bodies: `multipart/form-data` and `application/x-www-form-urlencoded`, read and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from broker.errors import ConfigurationError
from broker.http.blob import File, content_of
from broker.http.form import FormData, FormValue

MOST_PARTS: Final = 1000
"""Fields that a form which is read may have."""

_ESCAPED: Final = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}
_UNRECOGNIZED: Final = (
    "Unrecognized Content-Type header value. FormData can only parse the following MIME types: "
    "multipart/form-data, application/x-www-form-urlencoded."
)


def write_form(form: FormData, boundary: str) -> bytes:
    """*form* as `multipart/form-data`; *boundary* must not occur in it."""
    parts = [_part(name, value, boundary) for name, value in form.items()]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()])


def _part(name: str, value: FormValue, boundary: str) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_lines(name).translate(_ESCAPED)}"'
    if isinstance(value, str):
        return f"{head}\r\n\r\n{_lines(value)}\r\n".encode()
    kind = value.content_type or "application/octet-stream"
    head = f'{head}; filename="{value.name.translate(_ESCAPED)}"\r\nContent-Type: {kind}\r\n\r\n'
    return head.encode() + content_of(value) + b"\r\n"


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def read_form(content: bytes, content_type: str | None) -> FormData:
    """The form in *content*.

    Raises:
        TypeError: *content_type* is not that of a form.
        ValueError: The content is not what the type says, or has more than `MOST_PARTS` fields.
        ConfigurationError: It needs a library that is not installed.
    """
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_PARTS)
        return FormData(pairs)
    if kind != "multipart/form-data":
        raise TypeError(_UNRECOGNIZED)
    return _read_multipart(content, content_type or "")


def _read_multipart(content: bytes, content_type: str) -> FormData:
    try:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header
    except ImportError as error:
        raise ConfigurationError(
            "Reading multipart/form-data needs python-multipart.", fix="pip install 'callyard[http]'"
        ) from error
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise ValueError("The Content-Type of multipart/form-data names no boundary.")
    reading = _Reading(parse_options_header)
    try:
        parser = MultipartParser(boundary, reading.callbacks())
        parser.write(content)
        parser.finalize()
    except FormParserError as error:
        raise ValueError(f"The body is no multipart/form-data: {error!s:.200}") from error
    if not reading.ended:
        raise ValueError("The body is no multipart/form-data: it breaks off.")
    return reading.form


@dataclass
class _Reading:
    """What the parser has found so far."""

    options: Any
    form: FormData = field(default_factory=FormData)
    ended: bool = False
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _headers: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    _data: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> Any:
        def gather(into: bytearray) -> Any:
            def extend(data: bytes, start: int, end: int) -> None:
                into.extend(data[start:end])

            return extend

        return {
            "on_part_begin": self._begin,
            "on_header_field": gather(self._name),
            "on_header_value": gather(self._value),
            "on_header_end": self._header,
            "on_part_data": gather(self._data),
            "on_part_end": self._part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers.clear()
        self._data.clear()

    def _header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _part(self) -> None:
        if len(self.form) >= MOST_PARTS:
            raise ValueError(f"A form may have {MOST_PARTS} fields.")
        kind, options = self.options(self._headers.get(b"content-disposition", b""))
        if kind != b"form-data" or b"name" not in options:
            raise ValueError("The body is no multipart/form-data: a part has no name.")
        name, content = _unescaped(options[b"name"]), bytes(self._data)
        if b"filename" in options:
            content_type = self._headers.get(b"content-type", b"text/plain").decode("latin-1")
            self.form.append(name, File(content, _unescaped(options[b"filename"]), content_type))
        else:
            self.form.append(name, content.decode("utf-8", "replace"))

    def _end(self) -> None:
        self.ended = True


def _unescaped(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")

"""The body of a request or response: bytes at once or piece by piece, read once."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import AsyncIterable
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

from broker.http.blob import Blob, content_of
from broker.http.form import FormData
from broker.http.headers import Headers
from broker.http.multipart import read_form, write_form
from broker.http.stream import BodyStream, Slices, tee

BodyInit: TypeAlias = str | bytes | bytearray | memoryview | Blob | FormData | AsyncIterable[bytes]
"""What a body is made from."""

TEXT: Final = "text/plain;charset=UTF-8"


class Prepared(NamedTuple):
    """A body, and the content type that goes with it where it has one of its own."""

    content: bytes | BodyStream
    content_type: str | None = None


def prepare(body: object, owner: str) -> Prepared:
    """The body that *body* makes; text is encoded as UTF-8, a form as `multipart/form-data`.

    Raises:
        TypeError: A body cannot be made from it.
    """
    if isinstance(body, str):
        return Prepared(body.encode(), TEXT)
    if isinstance(body, bytes | bytearray | memoryview):
        return Prepared(bytes(cast("bytes", body)))
    if isinstance(body, Blob):
        return Prepared(content_of(body), body.content_type or None)
    if isinstance(body, FormData):
        # Random, so that nothing in a field can end the field.
        boundary = f"callyard-{secrets.token_hex(16)}"
        return Prepared(write_form(body, boundary), f"multipart/form-data; boundary={boundary}")
    if isinstance(body, BodyStream):
        return Prepared(body.hand_on())
    if isinstance(body, AsyncIterable):
        return Prepared(BodyStream(cast("AsyncIterable[bytes]", body)))
    raise TypeError(f"Unsupported type in {owner}: {type(body).__name__}{_instead(body, owner)}")


def _instead(body: object, owner: str) -> str:
    if not isinstance(body, dict | list):
        return ""
    return ". Use Response.json()" if owner == "Response" else ". Use json.dumps(), or FormData() for a form"


class Body:
    """What requests and responses have in common."""

    headers: Headers
    _content: bytes | BodyStream | None
    _used: bool

    @property
    def body(self) -> bytes | BodyStream | None:
        """The bytes without reading them, an async iterable of bytes where they come piece by piece, or None."""
        return self._content

    @property
    def body_used(self) -> bool:
        """Whether the body was read, or handed on."""
        return self._used or (isinstance(self._content, BodyStream) and self._content.used)

    async def bytes(self) -> bytes:
        """Read the body.

        Raises:
            OSError: It was read before.
        """
        return await self._read()

    async def buffer(self) -> memoryview:
        """Read the body as a buffer.

        Raises:
            OSError: It was read before.
        """
        return memoryview(await self._read())

    async def text(self) -> str:
        """Read the body as UTF-8; a byte order mark is dropped, what is not UTF-8 becomes U+FFFD.

        Raises:
            OSError: It was read before.
        """
        return await self._read_text()

    async def blob(self) -> Blob:
        """Read the body as a blob of the type that the headers name.

        Raises:
            OSError: It was read before.
        """
        return Blob(await self._read(), self.headers.get("content-type"))

    async def form_data(self) -> FormData:
        """Read the body as a form.

        Raises:
            OSError: It was read before.
            TypeError: The headers do not say that it is one.
            ValueError: It is none.
            ConfigurationError: It is `multipart/form-data`, and the extra `callyard[http]` is not installed.
        """
        return read_form(await self._read(), self.headers.get("content-type"))

    formData = form_data  # noqa: N815 -- the seed's spelling

    async def _read(self) -> bytes:
        self._require_unread()
        if isinstance(self._content, BodyStream):
            return b"".join([chunk async for chunk in self._content])
        # A body that is not there can be read as often as one likes, as in `fetch`.
        self._used = self._content is not None
        return self._content or b""

    async def _read_text(self) -> str:
        return (await self._read()).removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")

    async def _read_json(self, **options: Any) -> Any:
        return json.loads(await self._read_text(), **options)

    def _hand_on(self) -> bytes | BodyStream | None:
        """The body for another owner; this one has none to read any more.

        Raises:
            OSError: It was read before.
        """
        self._require_unread()
        content = self._content
        self._used = content is not None
        return content.hand_on() if isinstance(content, BodyStream) else content

    def _share(self) -> bytes | BodyStream | None:
        """The body for a clone; this one keeps its own.

        Raises:
            OSError: It was read before.
        """
        self._require_unread()
        if not isinstance(self._content, BodyStream):
            return self._content
        self._content, other = tee(self._content)
        return other

    def _dump_body(self) -> bytes | BodyStream | None:
        if self.body_used:
            raise ValueError("Its body was already used: send a clone() made before reading.")
        return self._content

    def _require_unread(self) -> None:
        if self.body_used:
            raise OSError("Body already used")


AnyBody = TypeVar("AnyBody", bound=Body)


async def collect(body: Body) -> None:
    """Take in what comes piece by piece, so that it can be read when its source is gone.

    Raises:
        OSError: It was read before.
    """
    if isinstance(body._content, BodyStream):  # pyright: ignore[reportPrivateUsage] -- of this module
        body._content = await body.bytes()  # pyright: ignore[reportPrivateUsage]


def divided(body: AnyBody, size: int) -> AnyBody:
    """The same with its bytes in pieces of *size*, and their number among the headers; *body* itself keeps its own.

    Raises:
        TypeError: It has no bytes.
    """
    content = body._content  # pyright: ignore[reportPrivateUsage] -- of this module
    if not isinstance(content, bytes):
        raise TypeError("Only bytes can be divided.")
    twin = copy.copy(body)
    twin.headers = body.headers.copy()
    # Whoever gets it can no longer count them.
    twin.headers["content-length"] = str(len(content))
    twin._content = BodyStream(Slices(content, size))  # pyright: ignore[reportPrivateUsage] -- of this module
    return twin


def require(wire: object, *kinds: type | tuple[type, ...]) -> list[Any]:
    """`wire` as a list of exactly these types.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(wire, list):
        raise TypeError("not a list")
    items = cast("list[Any]", wire)
    if len(items) != len(kinds) or not all(isinstance(item, kind) for item, kind in zip(items, kinds, strict=True)):
        raise TypeError("not the fields of a request or response")
    return items

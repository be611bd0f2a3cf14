"""What every stub of an object has of its own: the bases of the protocols that `python -m client types` writes."""

from __future__ import annotations

from typing import Protocol, Self


class Handle(Protocol):
    """A stub of an object: one handle of several that there may be."""

    def dup(self) -> Self:
        """Another handle to the same object; the object is released when all of them are disposed."""
        ...

    def dispose(self) -> None:
        """Give the handle up; takes effect in the background. Twice is once."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *_: object) -> None: ...


class BlockingHandle(Protocol):
    """The same, for code without an event loop."""

    def dup(self) -> Self:
        """Another handle to the same object; the object is released when all of them are disposed."""
        ...

    def dispose(self) -> None:
        """Give the handle up; takes effect in the background. Twice is once."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...

"""The faces that the cases call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from workers import WorkerEntrypoint


@dataclass
class User:
    name: str
    born: date


class Users(Protocol):
    async def find(self, name: str, *, most: int = ...) -> User | None: ...
    def names(self) -> AsyncIterator[str]: ...
    @property
    def count(self) -> Awaitable[int]: ...


class AsyncService(WorkerEntrypoint):
    async def add(self, a: int, b: int = 0) -> int:
        return a + b

    @property
    async def version(self) -> str:
        return "1"


class PlainService(WorkerEntrypoint):
    def add(self, a: int, b: int = 0) -> int:
        return a + b

    @property
    def version(self) -> str:
        return "1"

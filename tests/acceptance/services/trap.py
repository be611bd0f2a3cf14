"""A service whose objects misbehave in every way that their authors can bring about."""

import asyncio
import sys
import threading
import time
from pathlib import Path

from workers import RpcTarget, WorkerEntrypoint


class Trap(RpcTarget):
    """Tries to take the process with it."""

    def __init__(self, diary: Path, ctx):
        self.diary = diary
        self.ctx = ctx

    async def leave(self) -> None:
        sys.exit(3)

    async def interrupt(self) -> None:
        raise KeyboardInterrupt

    async def abort(self, reason: str) -> None:
        self.ctx.abort(reason + "\udcff")

    async def ping(self) -> str:
        return "pong"

    async def odd(self) -> None:
        class Odd(Exception):
            def __str__(self):
                raise SystemExit(4)

        raise Odd

    @property
    def me(self):
        return self


class Undisposable(RpcTarget):
    """Cannot be disposed in peace."""

    async def dispose(self) -> None:
        sys.exit(5)


class Default(WorkerEntrypoint):
    """Gives them out."""

    def note(self, line: str) -> None:
        with Path(self.env.DIARY).open("a") as diary:
            diary.write(f"{line}\n")

    async def pid(self) -> int:
        import os

        return os.getpid()

    async def echo(self, value):
        return value

    async def rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def count(self, to: int):
        for number in range(to):
            yield number

    async def take(self, value) -> str:
        """Hold an argument until the caller says so."""
        self.ctx.waitUntil(asyncio.sleep(0))
        return type(value).__name__

    async def hold(self, function):
        return function.dup()

    async def numbers(self, to: int) -> list:
        return list(range(to))

    async def text(self, size: int) -> str:
        return "x" * size

    async def trap(self):
        return Trap(Path(self.env.DIARY), self.ctx)

    async def undisposable(self):
        return Undisposable()

    async def leave(self, function) -> None:
        sys.exit(6)

    async def leaving_stream(self):
        yield 1
        sys.exit(7)

    def sleepy_stream(self):
        try:
            yield 1
            time.sleep(0.3)
            yield 2
            time.sleep(0.3)
            yield 3
        finally:
            self.note(f"sleepy ended in {threading.current_thread() is not threading.main_thread()}")

    async def endless(self):
        try:
            while True:
                yield b"x" * 1000
        finally:
            self.note("endless ended")

    async def total(self, numbers) -> int:
        return sum([number async for number in numbers])

    async def ping_pong(self, function, depth: int):
        return 0 if depth == 0 else 1 + await function(depth - 1)

    async def itself(self, depth: int):
        """Call this very service with a callback."""

        async def back(number):
            return number * 2

        return await self.env.SELF.apply(back, depth)

    async def apply(self, function, value):
        return await function(value)

    async def sessions(self) -> int:
        import gc

        from client.session.sessions import Sessions

        return sum(len(found.served) for found in gc.get_objects() if type(found) is Sessions)

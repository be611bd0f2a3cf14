"""A service whose results, arguments and streams are live."""

import asyncio
from pathlib import Path

from worker_runtime import policy
from workers import RpcTarget, WorkerEntrypoint


class Counter(RpcTarget):
    """Counts, and says in the diary when it is disposed."""

    def __init__(self, start: int, diary: Path | None = None, name: str = "counter"):
        self.value = start
        self.diary = diary
        self.name = name
        self.hidden = lambda: "not reachable"

    async def add(self, amount: int) -> int:
        self.value += amount
        return self.value

    def add_in_thread(self, amount: int) -> int:
        self.value += amount
        return self.value

    @property
    def current(self) -> int:
        return self.value

    async def word(self) -> str:
        return self.value

    async def twin(self):
        return Counter(self.value, self.diary, "twin")

    async def late_twin(self):
        await asyncio.sleep(0.1)
        return await self.twin()

    async def total(self, numbers) -> int:
        return sum([number async for number in numbers])

    async def given(self, signal) -> bool:
        await asyncio.sleep(0.05)
        return signal.aborted

    async def add_late_to(self, other, amount: int) -> int:
        await asyncio.sleep(0.05)
        return await other.add(amount)

    async def fail(self) -> None:
        raise ValueError("as asked")

    async def forever(self) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            if self.diary:
                with self.diary.open("a") as diary:
                    diary.write("forever ended\n")

    async def log(self, number: int) -> None:
        self.value = self.value * 10 + number

    def log_in_thread(self, number: int) -> None:
        self.value = self.value * 10 + number

    def dispose(self) -> None:
        if self.diary:
            with self.diary.open("a") as diary:
                diary.write(f"disposed {self.name}\n")


class _Adding(Counter):
    """Adds what it counts to what it began with."""

    async def total(self, numbers) -> int:
        return self.value + await super().total(numbers)


class Default(WorkerEntrypoint):
    """Methods for every way in which references travel."""

    @property
    def diary(self) -> Path:
        return Path(self.env.DIARY)

    def note(self, line: str) -> None:
        with self.diary.open("a") as diary:
            diary.write(f"{line}\n")

    async def add(self, a: int, b: int) -> int:
        return a + b

    async def counter(self, start: int = 0):
        return Counter(start, self.diary)

    async def slow_counter(self, numbers):
        start = await self.total(numbers)
        await asyncio.sleep(0.1)
        return _Adding(start)

    async def counters(self):
        return {"one": Counter(1, self.diary, "one"), "two": Counter(2, self.diary, "two"), "plain": 3}

    async def doubler(self):
        return lambda number: 2 * number

    async def kept_after(self, function) -> str:
        """Use an argument after the method that it came to has returned."""
        self.ctx.waitUntil(self._use_late(function))
        return "returned"

    async def _use_late(self, function):
        await asyncio.sleep(0.05)
        try:
            await function(1)
        except Exception as error:
            self.note(f"late {type(error).__name__}")

    async def sessions(self) -> int:
        """How many sessions this process keeps open for callers."""
        import gc

        from client.session.sessions import Sessions

        return sum(len(found.served) for found in gc.get_objects() if type(found) is Sessions)

    async def pid(self) -> int:
        import os

        return os.getpid()

    async def aborting(self):
        ctx = self.ctx

        async def abort():
            ctx.abort("given up")

        return {"abort": abort, "counter": Counter(1)}

    async def slow(self, function):
        self.note("slow begun")
        await asyncio.sleep(1.5)
        return await function(1)

    async def apply(self, function, *values):
        return [await function(value) for value in values]

    async def keep(self, function):
        return function.dup()

    async def give_back(self, thing):
        return thing

    async def user(self, name: str) -> dict:
        return {
            "name": name,
            "friends": [{"name": "Ann", "age": 3}, {"name": "Bob", "age": 4}],
            "best": {"name": "Eve"},
        }

    async def count(self, to: int, pause: float = 0.0):
        try:
            for number in range(to):
                yield number
                if pause:
                    await asyncio.sleep(pause)
        finally:
            self.note("count ended")

    def plain_count(self, to: int):
        yield from range(to)

    async def broken_count(self):
        yield 1
        raise ValueError("in the middle")

    async def total(self, numbers) -> int:
        return sum([number async for number in numbers])

    async def echo(self, numbers):
        async for number in numbers:
            yield number

    async def blob(self, chunks: int, size: int):
        for _ in range(chunks):
            yield b"x" * size

    async def until_aborted(self, signal) -> str:
        self.note("waiting for the signal")
        return await signal.wait()

    async def kill_me(self, function=None) -> None:
        import os

        os.kill(os.getpid(), 9)

    async def later(self, function) -> str:
        """Call the function after the reply."""
        kept = function.dup()

        async def tell():
            await asyncio.sleep(0.05)
            await kept("later")
            kept.dispose()

        self.ctx.waitUntil(tell())
        return "now"

    async def plain_slow(self) -> int:
        self.note("plain begun")
        await asyncio.sleep(1.5)
        return 1

    @policy(retries=0)
    async def charge(self, amount: int) -> int:
        self.note("charged")
        return amount

    async def call_through(self, stub, amount: int) -> int:
        return await stub.add(amount)

    async def add_to(self, binding, a: int, b: int) -> int:
        return await binding.add(a, b)

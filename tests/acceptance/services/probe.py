"""A service with one method for everything that a call can meet."""

import asyncio
import builtins
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from worker_runtime import policy
from workers import Request, Response, WorkerEntrypoint, env, waitUntil


class Odd(Exception):
    def __init__(self, message, code):
        super().__init__(message)
        self.code = code


class Hostile(BaseException):
    def __str__(self):
        raise KeyboardInterrupt

    def __getattribute__(self, name):
        raise SystemExit(name)


def write(line):
    with Path(env.DIARY).open("a", encoding="utf-8") as diary:
        diary.write(f"{line}\n")


async def opened(gate):
    path = Path(env.DIARY).with_name(gate)
    while not path.exists():  # noqa: ASYNC110 -- another process opens it
        await asyncio.sleep(0.01)


class Default(WorkerEntrypoint):
    """Everything."""

    limit = 7

    def __init__(self, ctx, env):
        super().__init__(ctx, env)
        self.seen = 0

    async def fetch(self, request: Request) -> Response:
        return Response(f"{request.method} {request.url} {await request.text()}", status=201)

    async def add(self, a: int, b: int) -> int:
        return a + b

    async def add_here(self, a: int, b: int) -> tuple[int, int]:
        # Long enough for the others to get their share.
        await asyncio.sleep(0.001)
        return a + b, os.getpid()

    async def echo(self, value):
        return value

    async def name_it(self, *args, **kwargs):
        return args, kwargs

    async def greet(self, name: str, *, greeting: str = "Hello", mark: str = "!") -> str:
        return f"{greeting}, {name}{mark}"

    async def fail(self, kind: str, *args):
        raise getattr(builtins, kind)(*args)

    def fail_in_thread(self, kind: str):
        raise getattr(builtins, kind)

    async def fail_oddly(self):
        raise Odd("strange things", 42)

    async def fail_with_hostility(self):
        raise Hostile

    async def return_hostility(self):
        return Hostile()

    async def fail_with_cause(self):
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    async def unsendable(self):
        return {"good": 1, "bad": [1, object()]}

    async def large(self, size: int) -> bytes:
        return b"x" * size

    async def count(self) -> int:
        self.seen += 1
        return self.seen

    def in_thread(self) -> bool:
        return threading.current_thread() is not threading.main_thread()

    def block(self, gate: str) -> str:
        write(f"blocking {gate}")
        path = Path(env.DIARY).with_name(gate)
        while not path.exists():
            time.sleep(0.01)
        return gate

    @policy(inline=True)
    def inline(self) -> bool:
        return threading.current_thread() is threading.main_thread()

    @property
    def version(self) -> str:
        return "1.2"

    @property
    async def slow_version(self) -> str:
        return "2.0"

    async def variables(self):
        return {"word": self.env.WORD, "table": self.env.TABLE, "secret": self.env.SECRET, "imported": env.WORD}

    def variables_in_thread(self):
        return env.WORD

    async def context(self):
        ctx = self.ctx
        left = (ctx.deadline - datetime.now(UTC)).total_seconds()
        return {"id": ctx.call_id, "attempt": ctx.attempt, "left": left, "cancelled": ctx.cancelled}

    async def abort(self, reason=None):
        self.ctx.abort(reason)
        return "not reached"

    def abort_in_thread(self, reason):
        self.ctx.abort(reason)
        return "not reached"

    async def abort_in_background(self, reason):
        async def abort():
            self.ctx.abort(reason)

        self.ctx.wait_until(abort())
        await asyncio.Event().wait()

    async def abort_with_error(self):
        self.ctx.abort(LookupError("gone"))

    async def abort_behind(self, gate: str):
        self.ctx.wait_until(opened(gate))
        self.ctx.abort("enough")

    async def exported(self):
        stub = self.ctx.exports.Admin(props={"role": "exported"})
        return [await stub.role(), await self.ctx.exports.Default.add(2, 3)]

    async def signup(self, gate: str) -> str:
        self.ctx.waitUntil(self._tell(gate))
        return "Success"

    async def signup_anywhere(self, gate: str) -> str:
        waitUntil(self._tell(gate))
        return "Success"

    def signup_in_thread(self, gate: str) -> str:
        self.ctx.wait_until(self._tell(gate))
        return "Success"

    async def signup_badly(self, gate: str) -> str:
        self.ctx.wait_until(self._break())
        self.ctx.wait_until(self._tell(gate))
        return "Success"

    async def _break(self):
        raise RuntimeError("this task fails")

    async def _tell(self, gate: str):
        await opened(gate)
        write(f"told {gate}")

    async def hold(self, gate: str) -> str:
        write(f"holding {gate}")
        try:
            await opened(gate)
        except asyncio.CancelledError:
            write(f"cancelled {gate} {self.ctx.cancelled}")
            raise
        write(f"passed {gate}")
        return gate

    async def hold_quietly(self, gate: str) -> str:
        await opened(gate)
        return gate

    @policy(retries=0)
    async def hold_once(self, gate: str) -> str:
        return await self.hold(gate)

    @policy(detached=True)
    async def hold_detached(self, gate: str) -> str:
        return await self.hold(gate)

    @policy(backoff=1.2)
    async def hold_with_backoff(self, gate: str) -> str:
        return await self.hold(gate)

    async def block_loop(self, gate: str) -> str:
        write(f"blocking loop {gate}")
        path = Path(env.DIARY).with_name(gate)
        while not path.exists():
            time.sleep(0.01)  # noqa: ASYNC251 -- that is the point
        return gate

    async def hold_stubbornly(self, gate: str) -> str:
        write(f"blocking {gate}")
        path = Path(env.DIARY).with_name(gate)
        while not path.exists():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue
        return gate

    async def rest(self, value: int) -> int:
        await asyncio.sleep(0.05)
        return value

    async def kill(self) -> None:
        write(f"killed {os.getpid()}")
        os._exit(9)

    async def mark(self, line: str) -> str:
        write(line)
        return line

    async def pid(self) -> int:
        return os.getpid()

    def _private(self):
        return "private"


class Admin(WorkerEntrypoint):
    async def role(self):
        return self.ctx.props.get("role", "nobody")

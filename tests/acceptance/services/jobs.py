"""A service with queues and KV: what it is told to do with a message stands in the message."""

import asyncio
import os
import signal
from pathlib import Path

from workers import Response, WorkerEntrypoint, waitUntil


class Default(WorkerEntrypoint):
    def note(self, line: str) -> None:
        with Path(self.env.DIARY).open("a", encoding="utf-8") as diary:
            diary.write(f"{line}\n")

    async def gate(self, name: str) -> None:
        while not Path(self.env.DIARY).with_name(name).exists():  # noqa: ASYNC110 -- another process opens it
            await asyncio.sleep(0.01)

    async def send(self, body, **options):
        await self.env.JOBS.send(body, **options)

    async def send_all(self, bodies, **options):
        await self.env.JOBS.sendBatch([{"body": body} for body in bodies], **options)

    async def put(self, key: str, value: str, **options):
        await self.env.CACHE.put(key, value, **options)

    async def get(self, key: str, kind: str = "text"):
        return await self.env.CACHE.get(key, kind)

    async def get_with_metadata(self, key: str):
        return await self.env.CACHE.getWithMetadata(key)

    async def delete(self, key: str):
        await self.env.CACHE.delete(key)

    async def names(self, **options):
        return await self.env.CACHE.list(options)

    async def fetch(self, request):
        visits = int(await self.env.CACHE.get("visits") or 0) + 1
        waitUntil(self.env.CACHE.put("visits", str(visits)))
        return Response(str(visits))

    async def queue(self, batch, env, ctx):
        assert env is self.env
        assert ctx is self.ctx
        for message in batch.messages:
            self.note(f"{batch.queue} {message.body} {message.attempts}")
        if len(batch.messages) > 1:
            self.note(f"batch of {len(batch.messages)}")
        for message in batch.messages:
            await self.do(message, batch, *str(message.body).partition(" ")[::2])

    async def do(self, message, batch, word, rest):
        match word:
            case "fail":
                raise ValueError(rest)
            case "ack":
                message.ack()
            case "retry" if message.attempts < 3:
                message.retry(delaySeconds=float(rest or 0))
            case "retry-all":
                batch.retry_all() if message.attempts < 2 else batch.ackAll()
            case "hold":
                await self.gate(rest)
                self.note(f"passed {rest}")
            case "background" if message.attempts < 2:
                self.ctx.waitUntil(self.gate_and_fail(rest))
            case "call":
                self.note(f"answer {await self.env.SELF.echo(rest)}")
            case _:
                self.leave(word, rest)

    def leave(self, word, rest):
        match word:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "abort":
                self.ctx.waitUntil(self.gate(rest))
                self.ctx.abort("enough")
            case "exit":
                raise SystemExit(rest)

    async def gate_and_fail(self, name):
        await self.gate(name)
        raise ValueError(name)

    async def echo(self, word: str) -> str:
        return word

"""The handler `queue` of a service: found and checked before the first message, run once for each batch."""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

from broker.errors import ConfigurationError, RpcError
from broker.methods.policy import policy_of
from broker.methods.signature import signature_of
from broker.methods.visibility import resolve
from broker.names import DEFAULT_ENTRYPOINT
from client.calling.deadline import enclosing_deadline
from worker_runtime.config import ServiceConfig
from worker_runtime.context import Context, current
from worker_runtime.invoking.plain import run_plain
from worker_runtime.queues.batch import MessageBatch
from worker_runtime.services.service import Service
from worker_runtime.services.serving import Serving

LONGEST_SECONDS: Final = 900.0
"""How long a handler may take where its policy says nothing."""

_MOST_ARGUMENTS: Final = 3
_FIX: Final = "Write `async def queue(self, batch)` in `class Default(WorkerEntrypoint)`."

_log = logging.getLogger("callyard.worker")


@dataclass(frozen=True, slots=True)
class QueueInvocation:
    """What `current` holds while a batch is handled."""

    ctx: Context
    env: Any


class Handler:
    """The handler of a service: how many of batch, env and ctx it takes, where it runs, and how long it may.

    Attributes:
        limit: Seconds that it may take.
    """

    def __init__(self, service: Service) -> None:
        """Prepare the handler of *service*.

        Raises:
            ConfigurationError: There is none, or it cannot be called with a batch.
        """
        cls = service.entrypoints.get(DEFAULT_ENTRYPOINT)
        try:
            member = None if cls is None else resolve(cls, "queue")
        except RpcError:
            member = None
        if cls is None or member is None or member.kind != "method":
            raise ConfigurationError(
                f'The service "{service.name}" consumes queues, but its handler does not export a queue() function.',
                key="queues.consumers", fix=_FIX,
            )  # fmt: skip
        self._cls = cls
        self._member: Any = member.value
        if inspect.isgeneratorfunction(member.value) or inspect.isasyncgenfunction(member.value):
            # Calling it would run nothing, and every batch would count as handled.
            raise ConfigurationError("queue() yields, so it is a generator.", key="queues.consumers", fix=_FIX)
        self._takes = _positions(signature_of(member.value, member.owner, "queue"))
        policy = policy_of(cls, member.value)
        self.limit = policy.timeout or LONGEST_SECONDS
        self._inline = policy.inline

    async def run(self, batch: MessageBatch, serving: Serving, threads: Executor) -> BaseException | None:
        """Handle *batch*; what it failed with, be it a `waitUntil` task, or None where all succeeded.

        If cancelled, the handler and its tasks are cancelled. Raises nothing else.
        """
        loop = asyncio.get_running_loop()
        ctx = Context(f"queue:{batch.queue}", loop, time.time() + self.limit, exports=serving.exports)
        current.set(QueueInvocation(ctx, serving.env))
        enclosing_deadline.set(loop.time() + self.limit)
        try:
            failure = await self._returned(batch, ctx, serving, threads)
        except asyncio.CancelledError:
            await ctx.drain(0)
            raise
        tasks = await ctx.drain(0 if ctx.aborted is not None else serving.settings.wait_until_limit)
        if failure is None and (lost := tasks.failed + tasks.cancelled):
            return RuntimeError(f"{lost} waitUntil() {'task' if lost == 1 else 'tasks'} failed or took too long.")
        return failure

    async def _returned(
        self, batch: MessageBatch, ctx: Context, serving: Serving, threads: Executor
    ) -> BaseException | None:
        task = asyncio.current_task()
        assert task is not None
        ctx.on_abort = task.cancel
        try:
            async with asyncio.timeout(self.limit):
                await self._call(batch, ctx, serving, threads)
        except asyncio.CancelledError:
            if ctx.aborted is None:
                raise
            task.uncancel()
        except BaseException as error:
            # Whatever it raises, SystemExit too, has failed this batch and no more.
            _log.error("queue %s: the handler failed", batch.queue, exc_info=error)
            return error
        finally:
            ctx.on_abort = None
        if ctx.aborted is not None:
            _log.error("queue %s: the handler aborted: %s", batch.queue, ctx.aborted)
        return ctx.aborted

    async def _call(self, batch: MessageBatch, ctx: Context, serving: Serving, threads: Executor) -> None:
        function = self._member.__get__(self._cls(ctx, serving.env), self._cls)
        arguments = (batch, serving.env, ctx)[: self._takes]
        inline = serving.settings.inline if self._inline is None else self._inline
        await run_plain(ctx, threads, function, arguments, {}, inline=inline or inspect.iscoroutinefunction(function))


def check_handlers(services: Iterable[tuple[Service, ServiceConfig]]) -> None:
    """Check that each service that consumes queues has a handler, and that no queue has two consumers.

    Raises:
        ConfigurationError: One has none, or two want the messages of one queue.
    """
    consumed: dict[str, str] = {}
    for service, config in services:
        if config.queue_consumers:
            try:
                Handler(service)
            except ConfigurationError as error:
                text = f"{config.file}: {error.key}: {error} {error.fix}"
                raise ConfigurationError(text, file=str(config.file), key=error.key, fix=error.fix) from error
        for consumer in config.queue_consumers:
            other = consumed.setdefault(consumer.queue, service.name)
            if other != service.name:
                raise ConfigurationError(
                    f'{config.file}: queues.consumers: the queue "{consumer.queue}" is consumed by "{other}" too. '
                    "Remove one of the consumers.", file=str(config.file), key="queues.consumers",
                )  # fmt: skip


def _positions(signature: inspect.Signature) -> int:
    """How many of batch, env and ctx the handler takes.

    Raises:
        ConfigurationError: Not even the batch, or more than there is.
    """
    for count in range(_MOST_ARGUMENTS, 0, -1):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    raise ConfigurationError(f"queue{signature} cannot be called with a batch.", key="queues.consumers", fix=_FIX)

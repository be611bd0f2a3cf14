"""`serve`: services in the process of the test, for the length of a block."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from broker.errors import ConfigurationError
from broker.link import Address, Link
from client import Services, Stub, connect
from worker_runtime.config import ServiceConfig
from worker_runtime.context import watching
from worker_runtime.process.worker import Plan, Worker
from worker_runtime.queues.handler import check_handlers
from worker_runtime.testing.private_broker import private_broker
from worker_runtime.testing.recorded import BackgroundTask, CallMade, background_task, name_of
from worker_runtime.testing.stand_ins import StandIns
from worker_runtime.testing.subject import Loaded, ServiceUnderTest, Target, load_subject, stand_in_entrypoint

LAST_SECONDS: Final = 1.0
"""What calls that still run at the end of a test get to end by themselves."""


@dataclass(slots=True)
class Seen:
    """What happened so far: calls through replaced bindings by the entrypoint of the stand-in, and background tasks."""

    calls: list[tuple[str, CallMade]] = field(default_factory=list[tuple[str, CallMade]])
    tasks: list[tuple[str, asyncio.Future[Any]]] = field(default_factory=list[tuple[str, asyncio.Future[Any]]])


class Served:
    """Services that run, and what happened to them.

    Attributes:
        services: All of them, as `client.connect` gives them.
        url: The broker.
        prefix: The first part of their keys there; no other test has it.
        names: What the services are called.
    """

    def __init__(self, worker: Worker, services: Services, names: Sequence[str], url: str, seen: Seen) -> None:
        self.services: Final = services
        self.url: Final = url
        self.prefix: Final = worker.plan.settings.prefix
        self._worker = worker
        self.names: Final = names
        self._seen = seen

    @property
    def stub(self) -> Stub:
        """A stub of the default entrypoint of the first service."""
        return self.services.service(self.names[0])

    @property
    def env(self) -> Any:
        """The `env` of the first service: through it a test puts into stores what methods are to find there."""
        return self._worker.servings[0].env

    def calls(self, binding: str, *, service: str | None = None) -> list[CallMade]:
        """The calls made so far through the replaced *binding*, oldest first.

        *service* is whose binding it is, where several have one of that name.

        Raises:
            LookupError: no such service binding was replaced.
        """
        wanted = {stand_in_entrypoint(name, binding) for name in ([service] if service else self.names)}
        if not any(wanted & known.entrypoints.keys() for known, _ in self._worker.plan.services):
            raise LookupError(self._unwatched(binding))
        return [made for entrypoint, made in self._seen.calls if entrypoint in wanted]

    def _unwatched(self, binding: str) -> str:
        if any(binding in set(serving.env) for serving in self._worker.servings):
            return (
                f"{binding!r} is no service binding, so its calls are not recorded: "
                "replace it by a unittest.mock.AsyncMock, and ask that."
            )
        return f"No binding {binding!r} was replaced: give it to serve(…, bindings={{{binding!r}: …}})."

    async def settled(self, timeout: float = 5.0) -> None:
        """Wait until every call made so far has ended, one-way calls and `waitUntil` tasks included.

        Raises:
            TimeoutError: they did not within *timeout* seconds.
        """
        if not await self._worker.settled(timeout):
            raise TimeoutError(f"Calls or their waitUntil tasks still run after {timeout} s.")

    async def background(self, timeout: float = 5.0) -> list[BackgroundTask]:
        """All `waitUntil` tasks so far in the order of their start, once they have ended.

        Raises:
            TimeoutError: they did not within *timeout* seconds.
        """
        await self.settled(timeout)
        return [background_task(name, task) for name, task in self._seen.tasks if task.done()]


@asynccontextmanager
async def serve(
    *targets: Target | ServiceUnderTest,
    bindings: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    broker: str | None = None,
) -> AsyncGenerator[Served]:
    """Run services in this event loop for the length of the `async with` block.

    At its end calls that still run are cancelled, and the services are gone. The broker is private to this process and
    shared by all that is served in it; services of the same name never meet, for each block has keys of its own.

    Args:
        targets: The services: classes, modules, folders or configuration files, or `ServiceUnderTest` objects.
        bindings: What takes the place of bindings in every service that has them: a `WorkerEntrypoint` class, or any
            other object with methods. Calls still go through the broker, and `Served.calls` has them.
        variables: Variables for the `env` of every service; they may be any objects.
        broker: The URL of a Redis to use in place of the private one.

    Raises:
        ConfigurationError: Something cannot be served, or there is no such binding.
        BrokerUnavailable: There is no broker.
    """
    with TemporaryDirectory(prefix="callyard-test-", ignore_cleanup_errors=True) as state:
        loaded = _load(targets, bindings or {}, variables or {}, Path(state))
        url = broker or await asyncio.to_thread(private_broker.url)
        async with _serving(loaded, bindings or {}, url, remove=broker is not None) as served:
            yield served


@asynccontextmanager
async def _serving(
    loaded: Sequence[Loaded], bindings: Mapping[str, Any], url: str, *, remove: bool
) -> AsyncGenerator[Served]:
    seen = Seen()
    worker = Worker(_plan(loaded, seen), Address.parse(url), guarded=False)
    _place(worker, loaded, bindings)
    # Every call of this worker inherits it, and those of no other.
    token = watching.set(lambda awaitable, task: seen.tasks.append((name_of(awaitable), task)))
    try:
        await worker.start()
    finally:
        watching.reset(token)
    settings = worker.plan.settings
    try:
        async with connect(url, prefix=settings.prefix, max_message_bytes=settings.max_message_bytes) as services:
            yield Served(worker, services, [one.service.name for one in loaded], url, seen)
    finally:
        await worker.drain(LAST_SECONDS)
        if remove:
            await _remove(url, settings.prefix)


def _load(
    targets: Sequence[Target | ServiceUnderTest],
    bindings: Mapping[str, Any],
    variables: Mapping[str, Any],
    state: Path,
) -> list[Loaded]:
    if not targets:
        raise ConfigurationError("serve() needs a service: a class, a module or a folder.")
    prefix = f"test-{secrets.token_hex(6)}"
    subjects = [one if isinstance(one, ServiceUnderTest) else ServiceUnderTest(one) for one in targets]
    loaded = [
        load_subject(
            replace(one, bindings={**bindings, **one.bindings}, variables={**variables, **one.variables}), prefix, state
        )
        for one in subjects
    ]
    check_handlers([(one.service, one.config) for one in loaded])
    return loaded


def _plan(loaded: Sequence[Loaded], seen: Seen) -> Plan:
    services = [(one.service, one.config) for one in loaded]
    fakes = {entrypoint: fake for one in loaded for entrypoint, fake in one.fakes.items()}
    if fakes:
        here = services[0][1]
        stand_ins = StandIns(fakes, lambda entrypoint, made: seen.calls.append((entrypoint, made)))
        services.append((stand_ins, ServiceConfig(
            name=stand_ins.name, main=here.main, directory=here.directory, file=here.file, settings=here.settings
        )))  # fmt: skip
    return Plan(services)


def _place(worker: Worker, loaded: Sequence[Loaded], shared: Mapping[str, Any]) -> None:
    """Put into each `env` what takes the place of something else than a service binding."""
    used: set[str] = set()
    for one, serving in zip(loaded, worker.servings, strict=False):
        known = one.placed.keys() & set(serving.env)
        for name in known:
            setattr(serving.env, name, one.placed[name])
        used |= known | {binding.binding for binding in one.config.bindings}
        _refuse(one.placed.keys() - known - shared.keys(), one.service.name)
    _refuse(shared.keys() - used, ", ".join(one.service.name for one in loaded))


def _refuse(missing: AbstractSet[str], services: str) -> None:
    if missing:
        raise ConfigurationError(
            f"There is no binding {', '.join(sorted(missing))} to replace in {services}. "
            "Declare it in the configuration, or put the object into `variables`."
        )


async def _remove(url: str, prefix: str) -> None:
    """Remove every key of *prefix*: what is left of a test on a Redis that outlives it."""
    link = Link(Address.parse(url), name="callyard-test", resend=False)
    await link.open(1)
    try:
        cursor: Any = b"0"
        while True:
            cursor, keys = await link.send("SCAN", cursor, "MATCH", f"{prefix}:*", "COUNT", 1000)
            if keys:
                await link.send("DEL", *keys)
            if cursor == b"0":
                return
    finally:
        await link.close()

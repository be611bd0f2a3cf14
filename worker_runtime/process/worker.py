"""One worker process's work: connect, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from broker.errors import ConfigurationError, RpcError
from broker.keys import GROUP, ServiceKeys
from broker.link import Address, Link, Script
from client.calling.caller import Caller
from client.fetching.outgoing import close_pool
from client.session.running import Runner
from worker_runtime.config import ServiceConfig, Settings
from worker_runtime.consuming.consumer import Consumer
from worker_runtime.consuming.dispatcher import Dispatcher
from worker_runtime.consuming.sweeper import Sweeper
from worker_runtime.d1.holdings import Holdings
from worker_runtime.env.binding_types import types_of_env
from worker_runtime.groups.delivery import Source
from worker_runtime.groups.leases import Leased, Leases
from worker_runtime.groups.reading import SLOWEST_STOP
from worker_runtime.invoking.claims import Held
from worker_runtime.invoking.observing import Observer
from worker_runtime.masking import mask_of
from worker_runtime.process.bindings import Exports, build_env
from worker_runtime.process.control import Control
from worker_runtime.process.offering import Figures, Offering
from worker_runtime.process.watchdog import Watchdog
from worker_runtime.queues.consumers import QueueConsumers
from worker_runtime.queues.held import HeldMessage
from worker_runtime.services.service import Service
from worker_runtime.services.serving import Serving

RETIRE: Final = Script("retire")

_LONG_OUTAGE_SECONDS: Final = 10.0
_COMING_BACK_SECONDS: Final = 2.5
"""What callers need at most to connect again once Redis is back, by their pauses between tries."""
_SILENT_SECONDS: Final = 30.0
"""A read takes two seconds at most; one that takes so long is not coming back."""
FORGOTTEN_MS: Final = 3_600_000
"""Idle time after which a consumer with nothing pending is removed."""

_log = logging.getLogger("callyard.worker")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker is to serve: each service with its configuration."""

    services: Sequence[tuple[Service, ServiceConfig]]

    @property
    def settings(self) -> Settings:
        """The settings of the process; where services differ, those of the first count."""
        return self.services[0][1].settings


class Worker:
    """Serves the services of a plan until it is drained.

    Four connections, whatever the load: commands, the blocking read of calls, the channel of
    cancellations, and the blocking read of replies to its own calls. Each queue that it consumes
    adds one for its blocking read.
    """

    def __init__(self, plan: Plan, address: Address, *, guarded: bool = True) -> None:
        """Connect nothing yet.

        Args:
            plan: What to serve.
            address: Where Redis is.
            guarded: Whether a watchdog reports an event loop that is blocked and ends the process of one that stays
                so. Somebody who stops in a debugger wants none.
        """
        # New at every start: a name used again would inherit what its predecessor left pending.
        self.name: Final = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.plan: Final = plan
        self.address: Final = address
        settings = plan.settings
        self._commands = Link(address, name=f"callyard-{self.name}", resend=True)
        self._caller = Caller(address, self._commands, prefix=settings.prefix, limit=settings.max_message_bytes)
        clock = self._caller.clock
        names = [service.name for service, _ in plan.services]
        self._dispatcher = Dispatcher(
            self._commands, self.name, clock, concurrency=settings.concurrency, services=names
        )
        self._holdings = Holdings()
        self.servings: Final = [self._serving(service, config) for service, config in plan.services]
        self._sources = [
            Source(serving, entrypoint) for serving in self.servings for entrypoint in serving.service.entrypoints
        ]
        self._sweeper = Sweeper(self._commands, self.name, clock, self._sources, self._dispatcher)
        self._consumer = Consumer(self._commands, address, self.name, self._sources, self._dispatcher, self._sweeper)
        consumed = [config.queue_consumers for _, config in plan.services]
        self._queues = QueueConsumers(
            self._commands, address, self.name, clock, zip(self.servings, consumed, strict=True)
        )
        self._watchdog = Watchdog(self._dispatcher.claims.held)
        look = self._watchdog.look if guarded else _no_look
        lease = min(config.settings.lease for _, config in plan.services)
        self._leases = Leases(address, self.name, lease, self._held, self._lose, look)
        offers = zip(self.servings, _offers(plan), strict=True)
        self._offering = Offering(self._commands, self.name, list(offers), self._figures)
        self._control = Control(address, self.name, self.servings, self._dispatcher.cancel, self._sweeper.wake)
        self._tasks: list[asyncio.Task[None]] = []
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and take calls; when it returns, it is ready.

        Raises:
            BrokerUnavailable: no Redis answered within the setting `connect_timeout`.
            AuthenticationFailed: it refuses the user or the password.
            ConfigurationError: a migration of a database failed.
        """
        timeout = self.plan.settings.connect_timeout
        try:
            await self._holdings.migrate()
            await self._commands.open(timeout)
            await asyncio.gather(self._consumer.reader.link.open(timeout), self._control.link.open(timeout))
            await self._caller.start()
            await self._consumer.reader.create_groups()
            await self._queues.open(timeout)
            await self._offering.publish()
        except BaseException:
            await self._disconnect()
            await self._holdings.aclose()
            raise
        self._commands.on_open += [self._sweeper.came_back, self._let_callers_come_back]
        self._reader = asyncio.create_task(self._consumer.run(), name="consumer")
        self._leases.start()
        self._tasks = [
            asyncio.create_task(self._dispatcher.watch(self._watchdog.beat), name="deadlines"),
            asyncio.create_task(
                self._dispatcher.watch_callers(self._caller.held.holders, self._caller.held.holder_gone), name="callers"
            ),
            asyncio.create_task(self._sweeper.run(), name="sweeper"),
            asyncio.create_task(self._offering.run(), name="offers"),
            asyncio.create_task(self._keep_reading(), name="progress"),
            *self._queues.start(),
        ]

    async def failed(self) -> None:
        """Wait until a part of the worker ends that never should, and raise what ended it. Safe to cancel."""
        assert self._reader is not None
        done, _ = await asyncio.wait([self._reader, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    def observe(self, observer: Observer) -> None:
        """Tell *observer* of each call that ends from now on, on the event loop and before its caller hears of it.

        It is told of each batch of a queue, too.
        """
        self._dispatcher.observe(observer)
        self._queues.observe(observer)

    async def settled(self, timeout: float) -> bool:
        """Whether, within *timeout* seconds, every call in the streams came to its end with its background tasks.

        The same is waited for of the messages in the queues that are consumed here, unless they are delayed.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout
        pause = 0.001
        while (left := give_up - loop.time()) > 0 and await self._dispatcher.drain(left):
            # An entry is deleted when its call is acknowledged: what was queued meanwhile shows too.
            streams = [*[source.stream for source in self._sources], *self._queues.streams]
            lengths = await asyncio.gather(*[self._commands.send("XLEN", stream) for stream in streams])
            if not any(lengths):
                return True
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 2)
        return False

    async def drain(self, grace: float) -> bool:
        """Take no more calls, wait at most *grace* seconds for those that run, and disconnect.

        Whether all of them ended; what did not was given back to other workers.
        """
        self._consumer.stop()
        sweeper = next((task for task in self._tasks if task.get_name() == "sweeper"), None)
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.wait([sweeper], timeout=2)
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=SLOWEST_STOP)
        await self._queues.stop()
        give_up = asyncio.get_running_loop().time() + grace
        drained = all(await asyncio.gather(self._dispatcher.drain(grace), self._queues.drain(grace)))
        drained = drained and await self._let_go(give_up)
        if not drained:
            await asyncio.gather(self._dispatcher.abandon(), self._queues.abandon())
            await self._control.call_sweepers(self._commands)
        for task in self._tasks:
            task.cancel()
        await self._leases.stop()
        if drained and self._commands.connected:
            await self._retire()
        await self._disconnect()
        self._dispatcher.close()
        await self._holdings.aclose()
        return drained

    def _serving(self, service: Service, config: ServiceConfig) -> Serving:
        keys = ServiceKeys(config.settings.prefix, service.name)
        if keys.prefix != self._caller.prefix:
            raise ConfigurationError("All services of one pool need the same prefix.")
        return Serving(
            service,
            build_env(config, self._caller, self._holdings, types_of_env(service.entrypoints.values())),
            Exports(self._caller, service.name, service.entrypoints),
            config.settings,
            keys,
            self._caller,
            Runner(
                self._dispatcher.threads,
                inline=config.settings.inline,
                inline_functions=False,
                checking=service.target_checking,
            ),
        )

    async def _let_go(self, give_up: float) -> bool:
        """Wait until callers hold nothing of this process, at most until *give_up*; whether that came about."""
        try:
            async with asyncio.timeout_at(give_up):
                await self._caller.held.wait_unheld()
        except TimeoutError:
            return False
        return True

    def _figures(self) -> Figures:
        return Figures(len(self._dispatcher.claims.running), self._dispatcher.begun)

    def _held(self) -> list[Leased]:
        return [*self._dispatcher.claims.held(), *self._queues.held()]

    def _lose(self, held: Leased) -> None:
        if isinstance(held, HeldMessage):
            self._queues.lose(held)
        elif isinstance(held, Held):
            self._dispatcher.lose(held)

    async def _let_callers_come_back(self) -> None:
        """Hold replies back after a long outage: the channels of callers lapsed, and are made anew by them."""
        if self._commands.outage > _LONG_OUTAGE_SECONDS:
            await asyncio.sleep(_COMING_BACK_SECONDS)

    async def _keep_reading(self) -> None:
        """See to it that calls are being read: a reader that hears nothing gets a new connection, then ends the worker.

        Raises:
            RuntimeError: nothing helped.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            silent = loop.time() - self._consumer.beat if self._consumer.reader.link.connected else 0.0
            if silent > 2 * _SILENT_SECONDS:
                raise RuntimeError(f"no calls could be read for {silent:.0f} s")
            if _SILENT_SECONDS < silent < _SILENT_SECONDS + 2:
                _log.error("no answer to a read for %.0f s: making a new connection", silent)
                self._consumer.reader.link.reset()

    async def _retire(self) -> None:
        try:
            async with asyncio.timeout(2):
                for stream in [*[source.stream for source in self._sources], *self._queues.streams]:
                    await RETIRE.run(self._commands, [stream], [GROUP, FORGOTTEN_MS, self.name])
                await self._offering.withdraw()
        except (RpcError, TimeoutError) as error:
            _log.info("left without saying goodbye: %s", error)

    async def _disconnect(self) -> None:
        await self._queues.close()
        await close_pool()
        await self._caller.close()
        for link in (self._consumer.reader.link, self._control.link, self._commands):
            await link.close()


def _offers(plan: Plan) -> list[Mapping[str, Any]]:
    """What each service offers, its secrets masked: a default of a parameter may be one."""
    return [
        mask_of([config]).value(service.describe(config.settings.service_version)) for service, config in plan.services
    ]


def _no_look() -> None:
    """Look away."""

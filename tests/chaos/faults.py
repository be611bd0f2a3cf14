"""What can be broken, and which of it may make a call run twice."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import redis

from tests.support.load import Load, Site


@dataclass(frozen=True)
class Fault:
    """One way to break something; `worker_lost` says that calls under way may run again."""

    name: str
    strike: Callable[["Scene"], Awaitable[None]]
    worker_lost: bool = False


@dataclass
class Scene:
    """What there is to break."""

    site: Site
    load: Load
    server: redis.Redis
    random: random.Random


async def cut_callers(scene: Scene) -> None:
    scene.site.callers.cut()


async def cut_workers(scene: Scene) -> None:
    scene.site.network.cut()


async def swallow_replies_to_callers(scene: Scene) -> None:
    relay = scene.site.callers
    relay.withhold()
    await relay.withheld.wait()
    relay.cut()


async def swallow_replies_to_workers(scene: Scene) -> None:
    relay = scene.site.network
    relay.withhold()
    await relay.withheld.wait()
    relay.cut()


async def network_down(scene: Scene) -> None:
    relay = scene.random.choice([scene.site.callers, scene.site.network])
    await relay.down()
    await asyncio.sleep(scene.random.uniform(0.05, 0.3))
    await relay.up()


async def kill_connections(scene: Scene) -> None:
    scene.server.client_kill_filter(_type="normal", skipme=True)


async def forget_scripts(scene: Scene) -> None:
    scene.server.script_flush()


async def pause_redis(scene: Scene) -> None:
    scene.server.client_pause(scene.random.randint(50, 1500))


async def make_read_only(scene: Scene) -> None:
    scene.server.replicaof("127.0.0.1", 1)
    await asyncio.sleep(0.05)
    scene.server.replicaof("no", "one")


async def restart_worker(scene: Scene) -> None:
    site = scene.site
    old = scene.random.choice(site.workers)
    await asyncio.to_thread(site.start_worker().ready)
    old.signal(signal.SIGTERM)
    site.workers.remove(old)
    code = await asyncio.to_thread(old.ended)
    assert code == 0, f"a drained worker ended with {code}: {''.join(old.errors)}"


async def kill_worker(scene: Scene) -> None:
    site = scene.site
    await site.kill(scene.random.choice(site.workers))
    await asyncio.to_thread(site.start_worker().ready)


async def stop_worker(scene: Scene) -> None:
    worker = scene.random.choice(scene.site.workers)
    worker.signal(signal.SIGSTOP)
    await asyncio.sleep(scene.random.uniform(1.0, 2.0))
    worker.signal(signal.SIGCONT)


HARMLESS = [
    Fault("connections of the caller cut", cut_callers),
    Fault("connections of the workers cut", cut_workers),
    Fault("Redis's replies to the caller swallowed", swallow_replies_to_callers),
    Fault("Redis's replies to the workers swallowed", swallow_replies_to_workers),
    Fault("network down for up to 0.3 s", network_down),
    Fault("`CLIENT KILL` of everybody", kill_connections),
    Fault("`SCRIPT FLUSH`", forget_scripts),
    Fault("`CLIENT PAUSE` for up to 1.5 s (one and a half leases)", pause_redis),
    Fault("Redis read-only for a moment", make_read_only),
    Fault("a worker replaced with SIGTERM", restart_worker),
]
HARMFUL = [
    Fault("a worker killed with SIGKILL", kill_worker, worker_lost=True),
    Fault("a worker stopped for one to two leases", stop_worker, worker_lost=True),
]

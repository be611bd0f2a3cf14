"""One worker process from start to exit: signals, the ready line, the drain."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from broker.link import Address
from worker_runtime.exits import RELOADED, Exit, parent_gone, say, tell_ready
from worker_runtime.invoking.observing import Observer
from worker_runtime.process.first_service import FirstService
from worker_runtime.process.worker import Plan, Worker

if TYPE_CHECKING:
    from worker_runtime.process.gateway import PoolGateway
    from worker_runtime.process.health import Health

BEAT_SECONDS: Final = 0.25
LAST_SECONDS: Final = 1.0
"""What is left to a process that has given its calls back."""

YOUNG_OBJECTS: Final = 10_000
"""New objects at which the garbage collector looks; Python's own 700 are a few dozen calls under way."""

_log = logging.getLogger("callyard.worker")


def run_worker(
    plan: Plan,
    address: Address,
    gateway: PoolGateway | None = None,
    *,
    health: Health | None = None,
    observer: Observer | None = None,
) -> int:
    """Serve *plan*, and HTTP by *gateway*, until a signal and return the exit code.

    The first SIGTERM or SIGINT drains; the second, or the end of the grace period, abandons what
    is left to other workers. *health* says so meanwhile; *observer* is told of each call that ends.

    Raises:
        BrokerUnavailable: no Redis at the start.
    """
    run: Callable[[Coroutine[Any, Any, int]], int] = asyncio.run
    with suppress(ImportError):
        import uvloop

        run = uvloop.run
    return run(_serve(plan, address, gateway, health, observer))


async def _serve(
    plan: Plan, address: Address, gateway: PoolGateway | None, health: Health | None, observer: Observer | None
) -> int:
    signals = _signals()
    # Under a reloader somebody develops, and may stop in a debugger for as long as it takes.
    worker = Worker(plan, address, guarded=RELOADED not in os.environ)
    if observer is not None:
        worker.observe(observer)
    _beating = None if health is None else asyncio.create_task(_beat(health), name="beat")
    stop = asyncio.create_task(signals.get())
    if not await _started(worker, stop):
        return Exit.DRAINED
    _spare_collector()
    url = await _start_gateway(worker, gateway)
    _announce(plan, address, url, health)
    failure = await _failure_before(stop, worker)
    if health is not None:
        health.state = "draining"
    if failure is not None:
        _log.critical("a part of the worker ended unexpectedly", exc_info=failure)
        await worker.drain(0)
        return Exit.CRASHED
    code = await _drain(worker, plan.settings.grace, signals, gateway)
    if code is not Exit.DRAINED:
        _leave_soon(code)
    return code


async def _started(worker: Worker, stop: asyncio.Task[int]) -> bool:
    """Start *worker*; False where *stop* came first, and it was given up.

    Raises: what starting it raises.
    """
    starting = asyncio.create_task(worker.start())
    await asyncio.wait([starting, stop], return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.wait([starting])
    return False


def _announce(plan: Plan, address: Address, url: str, health: Health | None) -> None:
    """Say that calls are taken from now on, to whoever wants to know."""
    # The parent first: whoever reads the line may do something that needs it to know.
    tell_ready(FirstService.of(plan).dump())
    say(ready_line(plan, address) + (f" http={url}" if url else ""))
    if health is not None:
        health.state = "ready"


async def _failure_before(stop: asyncio.Task[int], worker: Worker) -> BaseException | None:
    """Wait until it is time to stop, by a signal or for want of a parent; what *worker* failed with, if it did."""
    failed = asyncio.create_task(worker.failed())
    orphaned = asyncio.create_task(_parent_gone())
    await asyncio.wait([stop, failed, orphaned], return_when=asyncio.FIRST_COMPLETED)
    orphaned.cancel()
    if failed.done():
        return failed.exception() or RuntimeError("a part of it returned")
    failed.cancel()
    return None


async def _beat(health: Health) -> None:
    """Tell *health* that the loop turns, for as long as it does."""
    while True:
        health.beat()
        await asyncio.sleep(BEAT_SECONDS)


def _spare_collector() -> None:
    """Have the garbage collector look less often: calls leave it nothing, and what was loaded stays for ever."""
    gc.freeze()
    young, *older = gc.get_threshold()
    if young:
        gc.set_threshold(max(young, YOUNG_OBJECTS), *older)


def _signals() -> asyncio.Queue[int]:
    """What the operating system asks of this process from here on, until its very end.

    A loop takes its own handlers away when it closes, and then a signal would kill a process that has
    just ended well. These stay.
    """
    received: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def on_signal(number: int, _frame: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(received.put_nowait, number)

    signal.signal(signal.SIGTERM, on_signal)
    if RELOADED not in os.environ:
        # A terminal sends Ctrl-C to a reloader and its processes alike, and the reloader passes it on as SIGTERM.
        signal.signal(signal.SIGINT, on_signal)
    return received


async def _parent_gone() -> None:
    """Return when this process had a supervisor or reloader and lost it; without one, never."""
    # The kernel tells nobody that a parent died, so there is nothing to wait for.
    while not parent_gone():  # noqa: ASYNC110
        await asyncio.sleep(1.0)


def _leave_soon(code: Exit) -> None:
    """End the process in a moment, should what was abandoned not let it end by itself.

    Python waits for threads at its end, and a method in one of them cannot be stopped.
    """

    def leave() -> None:
        logging.shutdown()
        os._exit(code)

    timer = threading.Timer(LAST_SECONDS, leave)
    timer.daemon = True
    timer.start()


async def _start_gateway(worker: Worker, gateway: PoolGateway | None) -> str:
    try:
        return await gateway.start() if gateway is not None else ""
    except BaseException:
        await worker.drain(0)
        raise


async def _stop(worker: Worker, grace: float, gateway: PoolGateway | None) -> bool:
    began = asyncio.get_running_loop().time()
    if gateway is not None:
        # While the worker still takes calls: requests have theirs answered.
        await gateway.stop(grace)
    return await worker.drain(max(0.0, began + grace - asyncio.get_running_loop().time()))


async def _drain(worker: Worker, grace: float, signals: asyncio.Queue[int], gateway: PoolGateway | None) -> Exit:
    draining = asyncio.create_task(_stop(worker, grace, gateway))
    again = asyncio.create_task(signals.get())
    await asyncio.wait([draining, again], return_when=asyncio.FIRST_COMPLETED)
    if not draining.done():
        draining.cancel()
        await asyncio.wait([draining])
        await worker.drain(0)
        return Exit.GRACE_EXCEEDED
    again.cancel()
    return Exit.DRAINED if draining.result() else Exit.GRACE_EXCEEDED


def ready_line(plan: Plan, address: Address) -> str:
    """What a worker prints once it takes calls."""
    names = [f"{service.name}#{entrypoint}" for service, _ in plan.services for entrypoint in service.entrypoints]
    return f"ready {' '.join(names)} pid={os.getpid()} broker={address.shown}"

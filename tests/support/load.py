"""Calls under load while something breaks, and the ledger that says what was run."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Self

from client import RpcError, Services, connect, options
from tests.support.relay import Relay
from tests.support.workers import PATIENCE, WorkerProcess, until

SERVICE = """\
import asyncio
import os
from pathlib import Path

from workers import WorkerEntrypoint

LEDGER = os.open(Path(__file__).with_name("ledger"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)


class Default(WorkerEntrypoint):
    async def note(self, number: int, seconds: float = 0.0) -> int:
        os.write(LEDGER, b"%d\\n" % number)
        if seconds:
            await asyncio.sleep(seconds)
        return number
"""


class Site:
    """A service called `ledger` with its workers, and where its callers connect."""

    def __init__(self, folder: Path, callers: Relay, workers: Relay, lease: str = "1s") -> None:
        self.callers = callers
        self.network = workers
        self.workers: list[WorkerProcess] = []
        self._lease = lease
        self.folder = folder / "ledger"
        self.folder.mkdir()
        (self.folder / "ledger.py").write_text(SERVICE, encoding="utf-8")
        (self.folder / "wrangler.jsonc").write_text('{"name": "ledger", "main": "ledger.py"}', encoding="utf-8")

    def start_worker(self) -> WorkerProcess:
        worker = WorkerProcess(self.folder, "--broker", self.network.url, "--lease", self._lease, "--concurrency", "50")
        self.workers.append(worker)
        return worker

    async def ready(self) -> None:
        """Wait until all workers are; they reach Redis through a relay that runs on this loop."""
        await asyncio.gather(*[asyncio.to_thread(worker.ready) for worker in self.workers])

    def connect(self) -> Services:
        return connect(self.callers.url)

    def runs(self) -> Counter[int]:
        """How often each number was noted."""
        path = self.folder / "ledger"
        return Counter(map(int, path.read_text(encoding="utf-8").split())) if path.exists() else Counter()

    async def kill(self, *victims: WorkerProcess) -> None:
        """Kill these workers as the kernel would."""
        for victim in victims:
            victim.signal(signal.SIGKILL)
            self.workers.remove(victim)
        await asyncio.gather(*[asyncio.to_thread(victim.ended) for victim in victims])

    async def close(self) -> None:
        for worker in self.workers:
            if worker.running:
                worker.signal(signal.SIGCONT)
                worker.signal(signal.SIGTERM)
        await asyncio.gather(*[asyncio.to_thread(worker.close) for worker in self.workers])


class Load:
    """Twenty callers of one process that call on and on.

    Attributes:
        answered: The numbers whose call gave back that very number.
        failed: The errors of the others.
    """

    CALLERS = 20

    def __init__(self, site: Site, *, callers: int = CALLERS, seconds: float = 0.002) -> None:
        self.site = site
        self._callers = callers
        self._seconds = seconds
        self.answered: set[int] = set()
        self.failed: dict[int, RpcError] = {}
        self.wrong: dict[int, object] = {}
        self._next = 0
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._services = site.connect()

    async def __aenter__(self) -> Self:
        services = await self._services.__aenter__()
        self._stub = options(services.ledger, timeout=PATIENCE * 2)
        self._tasks = [asyncio.create_task(self._call_on()) for _ in range(self._callers)]
        await self.goes_on()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._services.__aexit__(None, None, None)

    async def goes_on(self, calls: int = 200) -> None:
        """Wait until so many more calls were answered."""
        goal = len(self.answered) + calls
        await until(lambda: len(self.answered) >= goal, f"{calls} more answers", PATIENCE * 2)

    async def end(self) -> None:
        """Make no further calls and wait for those that are open."""
        self._ending = True
        await asyncio.wait_for(asyncio.gather(*self._tasks), PATIENCE * 3)

    async def _call_on(self) -> None:
        while not self._ending:
            number = self._next = self._next + 1
            try:
                answer = await self._stub.note(number, self._seconds)
            except RpcError as error:
                self.failed[number] = error
                await asyncio.sleep(0.05)
            else:
                if answer == number:
                    self.answered.add(number)
                else:
                    self.wrong[number] = answer

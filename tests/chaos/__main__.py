"""`python -m tests.chaos`: run the faults, check the ledger, and write the table into docs/reliability.md."""

import argparse
import asyncio
import logging
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import redis

from tests.chaos.faults import HARMFUL, HARMLESS, Fault, Scene
from tests.chaos.report import Result, write
from tests.support.load import Load, Site
from tests.support.relay import Relay
from tests.support.servers import port_of, serving

CALLERS = 40


async def run(faults: list[Fault], seed: int, fewest_calls: int, folder: Path) -> Result:
    """Strike with *faults* in a random order while calls go on; at least so many calls are made."""
    dice = random.Random(seed)
    order = [faults[number % len(faults)] for number in range(len(faults))]
    dice.shuffle(order)
    begun = time.monotonic()
    with serving("redis-server") as url, redis.Redis.from_url(url, protocol=2, socket_timeout=60) as server:
        port = port_of(url)
        async with Relay(port) as callers, Relay(port) as network:
            site = Site(folder, callers, network)
            try:
                for _ in range(2):
                    site.start_worker()
                await site.ready()
                async with Load(site, callers=CALLERS, seconds=0.0) as load:
                    scene = Scene(site, load, server, dice)
                    for fault in order:
                        await fault.strike(scene)
                        await load.goes_on(20)
                    await load.goes_on(max(0, fewest_calls - len(load.answered)))
                    await load.end()
                    left = server.xlen("callyard:{ledger}:calls:Default"), server.xlen("callyard:{ledger}:dead")
            finally:
                await site.close()
    runs = site.runs()
    return Result(
        strikes=Counter(fault.name for fault in order),
        workers_lost=sum(fault.worker_lost for fault in order),
        calls=len(load.answered) + len(load.failed) + len(load.wrong),
        answered=len(load.answered),
        failed=Counter(type(error).__name__ for error in load.failed.values()),
        wrong=len(load.wrong),
        unrun=len(load.answered - set(runs)),
        doubled=sum(count > 1 for count in runs.values()),
        most_doubled=sum(fault.worker_lost for fault in order) * CALLERS,
        left=sum(left),
        seconds=time.monotonic() - begun,
    )


def main() -> int:
    # Thousands of broken connections are the point here.
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--harmless", type=int, default=420, help="faults that cost no worker")
    parser.add_argument("--harmful", type=int, default=100, help="faults that do")
    parser.add_argument("--calls", type=int, default=110_000, help="least calls in each of the two parts")
    parser.add_argument("--write", type=Path, help="the page to write the table into")
    given = parser.parse_args()
    results: list[Result] = []
    for faults, count in ((HARMLESS, given.harmless), (HARMFUL, given.harmful)):
        with tempfile.TemporaryDirectory() as folder:
            many = [faults[number % len(faults)] for number in range(count)]
            results.append(asyncio.run(run(many, given.seed, given.calls, Path(folder))))
        print(results[-1].line(), flush=True)
    if given.write:
        write(given.write, given.seed, results)
    good = all(result.good for result in results)
    print(f"seed {given.seed}: {'nothing was lost' if good else 'THE PROMISES WERE BROKEN'}")
    return 0 if good else 1


sys.exit(main())

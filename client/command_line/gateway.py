"""`python -m client gateway`: what was typed, and the process from its start to its end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from client.command_line.typed import Parser, UsageError, read_duration
from client.gateway.application import Gateway
from client.gateway.limits import Limits
from client.gateway.server import GatewayServer, read_listen
from client.services import broker_of, connect

_LISTEN: Final = "127.0.0.1:8787"
_PATIENCE: Final = 3.0
"""Seconds that Redis has to answer at the start."""

_SERVING: Final = """\
Answer HTTP requests with the `fetch` of services, until a signal.

A ROUTE is HOST/PATH=SERVICE#Entrypoint; host and entrypoint may be left out: '/=worker_a' sends everything to worker_a.
A route for the host goes before one for any host, then the longest path.
It needs the extra: pip install 'callyard[http]'.
"""

_ENDING: Final = """\
A client may say in the header X-Callyard-Timeout how many seconds it waits. Refusals are application/problem+json
with a request ID that the log names too: 404 no route, 408 the request came too slowly, 413 it is too large,
503 (Retry-After) the service is full or away, 504 no answer in time, 502 every other failure.

The first signal lets requests end, the second does not. Exit codes: 0 stopped, 2 wrong use, 3 no broker.
"""


def run_gateway(arguments: Sequence[str]) -> None:
    """Serve until a signal, and say when it takes requests, and when no more.

    Raises:
        UsageError, ConfigurationError: *arguments* cannot be understood; nothing was served.
        BrokerUnavailable: no Redis answers.
    """
    given, words = _parser().read(arguments)
    if words:
        raise UsageError(f"{words[0]!r:.80} is not expected: routes are given by --route.")
    # Other commands keep quiet: how their calls end is all that there is to say.
    level = logging.INFO if given.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s", force=True)
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    with contextlib.suppress(ImportError):
        import uvloop

        run = uvloop.run
    run(_serve(given))
    _say(given, "stopped")


async def _serve(given: argparse.Namespace) -> None:
    services = connect(given.broker, prefix=given.prefix, connect_timeout=_PATIENCE)
    longest = max(given.timeout, given.longest_timeout)
    limits = Limits(timeout=given.timeout, longest_timeout=longest, body=given.max_body)
    gateway = Gateway(services, routes=given.route, limits=limits, trusted=given.trust)
    server = GatewayServer(gateway, read_listen(given.listen))
    signals = _signals()
    async with services:
        where = await server.start()
        routes, broker = list(map(str, gateway.routes)), broker_of(services)
        text = f"ready {where.url} {' '.join(routes)} broker={broker}"
        _say(given, "ready", text, url=where.url, routes=routes, broker=broker)
        await _first(signals.get(), server.stopped())
        _say(given, "stopping", "stopping: no more requests are taken")
        await _first(server.stop(given.grace), signals.get())


def _signals() -> asyncio.Queue[int]:
    received: asyncio.Queue[int] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, received.put_nowait, number)
    return received


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of *waits* has ended, raise what it raised, and leave the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for task in done:
        task.result()


def _say(given: argparse.Namespace, state: str, line: str = "", **facts: Any) -> None:
    """Say how far it is: as *line*, or with --json as an object with *facts*."""
    sys.stdout.write(f"{json.dumps({'state': state, **facts}) if given.json else line or state}\n")
    sys.stdout.flush()


def _parser() -> Parser:
    parser = Parser("gateway", "[OPTION ...] --route ROUTE ...", description=_SERVING, epilog=_ENDING)
    parser.add_argument(
        "--listen", default=_LISTEN, metavar="HOST:PORT", help=f"where to take requests (default: {_LISTEN})"
    )
    parser.add_argument("--route", action="append", default=[], metavar="ROUTE", help="what goes where; repeatable")
    for flag, default, text in (
        ("--timeout", Limits().timeout, "until when a request is answered that does not say"),
        ("--longest-timeout", Limits().longest_timeout, "the most that a request may ask for"),
        ("--grace", 30.0, "how long requests may go on after a signal"),
    ):
        parser.add_argument(
            flag, type=read_duration, default=default, metavar="TIME", help=f"{text} (default: {default:g} s)"
        )
    parser.add_argument(
        "--max-body", type=int, default=Limits().body, metavar="BYTES", help="the largest body (default: 100 MiB)"
    )
    parser.add_argument(
        "--trust", action="append", default=[], metavar="NETWORK", help="proxies whose X-Forwarded-For is believed"
    )
    parser.add_argument("--verbose", "-v", action="store_true", help="log every request")
    parser.add_connection_options()
    return parser

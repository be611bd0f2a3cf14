"""The commands: each takes its words, and gives the text to print or raises what went wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple

from broker.errors import BrokerUnavailable, ServiceUnavailable
from broker.http import BodyStream, Request, Response
from client.command_line.described import as_listing
from client.command_line.shown import as_json, as_text
from client.command_line.typed import Parser, Target, UsageError, read_arguments, read_duration, read_target
from client.deadline import DEFAULT_TIMEOUT
from client.services import Services, connect
from client.stub import Member, options

_PATIENCE: Final = 3.0
"""Seconds that Redis has to answer: whoever typed a command waits for it."""

EXIT_CODES: Final = (
    "Exit codes: 0 result, 1 the callee's exception, 2 wrong use, 3 no broker, no service or a full one, 4 deadline,\n"
    "130 interrupted. A failure is one line on standard error; with --json it is also an object with the one key\n"
    "`error` on standard output."
)

_CALLING: Final = """\
Call a method of a service and print its result.

TARGET is service.method or service#Entrypoint.method. An ARG is JSON where it parses and text where it does not;
'"1"' is the text 1, and key=value is a keyword argument. Put -- before words that begin with a dash.
The arguments of service.fetch are a URL (or only its path), and method=, headers= and body= if need be.
"""

_VALUES: Final = """\
What JSON lacks is shown as follows: bytes as base64, dates and times as ISO 8601, time spans as seconds, decimals and
UUIDs as text, tuples and sets as lists, NaN and infinities by name, responses as an object of their parts.
"""

_DESCRIBING: Final = "List the entrypoints of a service, and their methods, as its live workers offer them."


class Command(NamedTuple):
    """A command: what it is for, and the function that runs it."""

    summary: str
    run: Callable[[Sequence[str]], str]


def run_call(arguments: Sequence[str]) -> str:
    """Make the call that *arguments* spell out and return its result as text.

    Raises:
        UsageError: they cannot be understood; nothing was called.
        Exception: what the call raised.
    """
    given, words = _call_parser().read(arguments)
    if not words:
        raise UsageError("TARGET is missing: write service.method or service#Entrypoint.method.")
    target = read_target(words[0])
    if given.property and words[1:]:
        raise UsageError("A property takes no arguments: leave them, or --property, out.")
    positional, keywords = read_arguments(words[1:])
    if target.path == ("fetch",) and not given.property:
        positional, keywords = [_request(positional, keywords)], {}
    value = asyncio.run(_call(given, target, positional, keywords))
    return as_json(value) if given.json else as_text(value)


def run_describe(arguments: Sequence[str]) -> str:
    """Return what the service that *arguments* name offers, as text.

    Raises:
        UsageError: they cannot be understood.
        ServiceUnavailable: the service has no live worker.
    """
    given, words = _describe_parser().read(arguments)
    if len(words) != 1:
        raise UsageError("Name one service: python -m client describe SERVICE.")
    offers = asyncio.run(_describe(given, words[0]))
    return json.dumps({"service": words[0], "entrypoints": offers}) if given.json else as_listing(words[0], offers)


def run_gateway(arguments: Sequence[str]) -> str:
    """Serve HTTP until a signal; see `client.gateway.command`."""
    from client.gateway.command import run_gateway as run

    return run(arguments)


COMMANDS: Final = {
    "call": Command("call a method of a service and print its result", run_call),
    "describe": Command("list what a service offers", run_describe),
    "gateway": Command("answer HTTP requests with the `fetch` of services", run_gateway),
}


async def _call(given: argparse.Namespace, target: Target, args: list[Any], kwargs: dict[str, Any]) -> Any:
    async with _connected(given) as services:
        stub = options(services.service(target.service, target.entrypoint), timeout=given.timeout)
        if target.path == ("fetch",) and not given.property:
            return await _whole(await stub.fetch(*args))
        # Built here and not by attributes, which leave out the stub's own names and Python's.
        member = Member(stub, target.path)
        return await _whole(await (member if given.property else member(*args, **kwargs)))


async def _whole(value: Any) -> Any:
    """*value* with what can be read only while the connection is open."""
    if isinstance(value, Response) and isinstance(value.body, BodyStream):
        return value.replace_body(await value.bytes())
    return value


async def _describe(given: argparse.Namespace, service: str) -> dict[str, Any]:
    async with _connected(given) as services, _answering():
        offers = await services.describe(service)
    if not offers:
        raise ServiceUnavailable(
            f"No live worker serves {service!r}. "
            "Start one: python -m worker_runtime CONFIG, on the same Redis and prefix."
        )
    return dict(sorted(offers.items()))


@asynccontextmanager
async def _connected(given: argparse.Namespace) -> AsyncGenerator[Services]:
    async with AsyncExitStack() as stack:
        async with _answering():
            connecting = connect(given.broker, prefix=given.prefix, connect_timeout=_PATIENCE)
            services = await stack.enter_async_context(connecting)
        yield services


@asynccontextmanager
async def _answering() -> AsyncGenerator[None]:
    """Bound what only Redis has to answer; a little more than connecting, which explains itself better."""
    try:
        async with asyncio.timeout(_PATIENCE + 1):
            yield
    except TimeoutError as error:
        raise BrokerUnavailable("Redis takes the connection and does not answer.", executed="no") from error


def _request(positional: Sequence[Any], keywords: dict[str, Any]) -> Request:
    if len(positional) != 1 or not isinstance(positional[0], str):
        raise UsageError("fetch takes one URL, and method=, headers= and body= if need be.")
    # The host means nothing to a service, so it may be left out.
    url = f"http://service{positional[0]}" if positional[0].startswith("/") else positional[0]
    body = keywords.pop("body", None)
    try:
        return Request(url, body=body if body is None or isinstance(body, str) else json.dumps(body), **keywords)
    except (TypeError, ValueError) as error:
        raise UsageError(f"This is no request: {error}") from error


def _call_parser() -> Parser:
    parser = Parser(
        "call", "[OPTION ...] TARGET [ARG ...]", description=_CALLING, epilog=f"{_VALUES}\n{EXIT_CODES}"
    )  # fmt: skip
    parser.add_argument("--property", action="store_true", help="read TARGET as a property instead of calling it")
    parser.add_argument(
        "--timeout", type=read_duration, default=DEFAULT_TIMEOUT, metavar="TIME",
        help="how long the call may take: seconds, or for example 250ms, 10m (default: 60)",
    )  # fmt: skip
    parser.add_connection_options()
    return parser


def _describe_parser() -> Parser:
    parser = Parser("describe", "[OPTION ...] SERVICE", description=_DESCRIBING, epilog=EXIT_CODES)
    parser.add_connection_options()
    return parser

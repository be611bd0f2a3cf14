"""`python -m client call`: one call, its arguments converted by what the method takes, its result printed."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import Any, Final, cast

from broker.http import Request, Response
from broker.http.body import collect
from broker.link import ReplyError
from broker.names import check_entrypoint
from client.calling.deadline import DEFAULT_TIMEOUT
from client.command_line.connected import answering, connected
from client.command_line.outcome import EXIT_CODES
from client.command_line.output import say
from client.command_line.progress import progress
from client.command_line.shown import as_json, as_text
from client.command_line.typed import (
    Parser,
    Target,
    UsageError,
    Word,
    read_duration,
    read_target,
    read_value,
    split_arguments,
)
from client.offers.reading import mapping, sequence
from client.services import Services
from client.stubs.stub import Member, options

_CALLING: Final = """\
Call a method of a service and print its result, or each item of a stream as a line of JSON.

TARGET is service.method or service#Entrypoint.method. An ARG becomes what the method takes: text for a text, a date for
a date, else JSON where it parses and text where it does not; '"1"' is the text 1, and key=value is a keyword argument.
@FILE is what stands in the file, @- what comes on standard input. Put -- before words that begin with a dash.
The arguments of service.fetch are a URL (or only its path), and method=, headers= and body= if need be.
"""

_VALUES: Final = """\
What JSON lacks is shown as follows: bytes as base64, dates and times as ISO 8601, time spans as seconds, decimals and
UUIDs as text, tuples and sets as lists, NaN and infinities by name, responses as an object of their parts.
"""


def run_call(arguments: Sequence[str]) -> None:
    """Make the call that *arguments* spell out and print its result.

    Raises:
        UsageError: they cannot be understood; nothing was called.
        Exception: what the call raised.
    """
    given, words = _parser().read(arguments)
    if not words:
        raise UsageError("TARGET is missing: write service.method or service#Entrypoint.method.")
    target = read_target(words[0])
    if given.property and words[1:]:
        raise UsageError("A property takes no arguments: leave them, or --property, out.")
    positional, keywords = split_arguments(words[1:])
    request = None
    if target.path == ("fetch",) and not given.property:
        request = _request([read_value(word) for word in positional], _read_all(keywords))
    asyncio.run(_call(given, target, positional, keywords, request))


async def show_result(value: Any, *, in_json: bool) -> None:
    """Print *value*; of a stream each item on a line of its own as soon as it is there.

    Raises:
        Exception: what the stream raised.
    """
    if isinstance(value, AsyncIterable):
        async for item in cast("AsyncIterable[Any]", value):
            say(as_json(item))
        return
    say(as_json(value) if in_json else as_text(value))


async def _call(
    given: argparse.Namespace,
    target: Target,
    positional: Sequence[Word],
    keywords: Mapping[str, Word],
    request: Request | None,
) -> None:
    async with connected(given) as services:
        stub = options(services.service(target.service, target.entrypoint), timeout=given.timeout)
        async with progress(".".join((target.service, *target.path))):
            if request is not None:
                value = await stub.fetch(request)
            else:
                args, kwargs = await _converted(services, target, positional, keywords)
                # Built here and not by attributes, which leave out the stub's own names and Python's.
                member = Member(stub, target.path)
                value = await (member if given.property else member(*args, **kwargs))
        await show_result(await _whole(value), in_json=given.json)


async def _whole(value: Any) -> Any:
    """*value* with what can be read only while the connection is open."""
    if isinstance(value, Request | Response):
        await collect(value)
    return value


async def _converted(
    services: Services, target: Target, positional: Sequence[Word], keywords: Mapping[str, Word]
) -> tuple[list[Any], dict[str, Any]]:
    described = await _described(services, target) if positional or keywords else mapping(None)
    document = mapping(described.get("parameters"))
    known = mapping(document.get("properties"))
    takes = [mapping(taken) for taken in sequence(described.get("takes"))]
    ordered = [str(taken.get("name")) for taken in takes if taken.get("kind") in ("positional", "any")]
    rest = mapping(described.get("rest"))
    args = [
        read_value(word, known.get(ordered[at]), document) if at < len(ordered) else read_value(word, rest, rest)
        for at, word in enumerate(positional)
    ]
    more = document.get("additionalProperties")
    return args, {name: read_value(word, known.get(name, more), document) for name, word in keywords.items()}


async def _described(services: Services, target: Target) -> Mapping[str, Any]:
    """What live workers say of the method; nothing where they do not, or may not be asked."""
    try:
        async with answering():
            offers = await services.describe(target.service)
    except ReplyError:
        return {}
    offer = mapping(offers.get(check_entrypoint(target.entrypoint)))
    return mapping(mapping(offer.get("members")).get(target.path[0])) if len(target.path) == 1 else {}


def _read_all(words: Mapping[str, Word]) -> dict[str, Any]:
    return {name: read_value(word) for name, word in words.items()}


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


def _parser() -> Parser:
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

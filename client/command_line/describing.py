"""`python -m client describe`: what a service offers, for people, for programs, and as OpenRPC."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Final

from client.command_line.connected import fetch_offers
from client.command_line.described import as_listing
from client.command_line.outcome import EXIT_CODES
from client.command_line.output import say
from client.command_line.shown import as_json, plain
from client.command_line.typed import Parser, UsageError
from client.offers.openrpc import openrpc_document

_DESCRIBING: Final = """\
List the entrypoints of a service, and their methods, as its live workers offer them.

A terminal gets colours where `rich` is installed: pip install 'callyard[cli]'.
"""


def run_describe(arguments: Sequence[str]) -> None:
    """Print what the service that *arguments* name offers.

    Raises:
        UsageError: they cannot be understood.
        ServiceUnavailable: the service has no live worker.
    """
    given, words = _parser().read(arguments)
    if len(words) != 1:
        raise UsageError("Name one service: python -m client describe SERVICE.")
    service = words[0]
    offers = fetch_offers(given, service)
    if given.openrpc:
        say(json.dumps(plain(openrpc_document(service, offers)), indent=None if given.json else 2))
    elif given.json:
        say(as_json({"service": service, "entrypoints": offers}))
    elif not (sys.stdout.isatty() and _show_in_colour(service, offers)):
        say(as_listing(service, offers))


def _show_in_colour(service: str, offers: dict[str, object]) -> bool:
    """Whether it could be shown in colour."""
    try:
        from client.command_line.coloured import show
    except ModuleNotFoundError:
        return False
    show(service, offers)
    return True


def _parser() -> Parser:
    parser = Parser("describe", "[OPTION ...] SERVICE", description=_DESCRIBING, epilog=EXIT_CODES)
    parser.add_argument("--openrpc", action="store_true", help="print an OpenRPC document instead")
    parser.add_connection_options()
    return parser

"""`python -m client types`: the types of a service as a stub file, and whether recorded ones still hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from client.command_line.connected import fetch_offers
from client.command_line.outcome import EXIT_CODES, Misfit
from client.command_line.output import say
from client.command_line.shown import as_json
from client.command_line.typed import Parser, UsageError
from client.offers.face import Face
from client.offers.faces import face_of
from client.offers.fitting import broken_by
from client.offers.recorded import read_recorded
from client.offers.stub_file import stub_file

_TYPES: Final = """\
Write the types of a service as its live workers offer them: python -m client types worker_b > worker_b.pyi

With --check FILE nothing is written: the command ends with 5 if callers that were written for the types in FILE may
break, and names what of their assumptions no longer holds. A service that only grew still fits.
"""


def run_types(arguments: Sequence[str]) -> None:
    """Print the stub file of a service, or check a recorded one.

    Raises:
        UsageError: the arguments cannot be understood, or the recorded file cannot be read.
        ServiceUnavailable: the service has no live worker.
        Misfit: the service no longer fits the recorded types.
    """
    given, words = _parser().read(arguments)
    if len(words) != 1:
        raise UsageError("Name one service: python -m client types SERVICE.")
    if given.check is None:
        offers = fetch_offers(given, words[0])
        written = stub_file(words[0], face_of(offers), blocking=given.blocking, module=given.module)
        say(as_json({"service": words[0], "types": written}) if given.json else written.rstrip("\n"))
        return
    recorded = read_recorded(_read(given.check), str(given.check))
    _check(words[0], given.check, recorded, fetch_offers(given, words[0]), quiet=given.json)


def _check(service: str, file: Path, recorded: Face, offers: dict[str, Any], *, quiet: bool) -> None:
    broken = [f"{file}:{line}: {text}" for line, text in broken_by(recorded, face_of(offers))]
    if not broken:
        say('{"fits": true}' if quiet else f"{service} fits {file}.")
        return
    if not quiet:
        say("\n".join(broken))
    many = "an assumption" if len(broken) == 1 else f"{len(broken)} assumptions"
    raise Misfit(f"{service} no longer fits {file}: {many} of its callers broke.", broken)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"There is no {file}. Record it: python -m client types SERVICE > {file}") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UsageError(f"{file} cannot be read: it is no text.") from None


def _parser() -> Parser:
    parser = Parser("types", "[OPTION ...] SERVICE", description=_TYPES, epilog=EXIT_CODES)
    parser.add_argument("--check", type=Path, metavar="FILE", help="say whether the service still fits these types")
    parser.add_argument("--blocking", action="store_true", help="types for connect_blocking instead of connect")
    parser.add_argument(
        "--module", action="store_true", help="a module that can be imported and given as like=, instead of a stub file"
    )
    parser.add_connection_options()
    return parser

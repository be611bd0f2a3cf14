"""What was typed on a command line: options, targets, arguments."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

from broker.errors import RpcError
from client.calling.member import DEEPEST_PATH
from client.offers.conversion import Converter
from client.offers.reading import mapping
from client.services import DEFAULT_URL

_KEYWORD: Final = re.compile(r"([^\W\d]\w*)=(.*)", re.DOTALL)
_DURATION: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|s|m|h|)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}


class UsageError(RpcError, ValueError):
    """Raised when a command line cannot be understood; nothing was called."""

    executed = "no"


class Target(NamedTuple):
    """What a command line calls: a member of an entrypoint (`None`: the default one) of a service."""

    service: str
    entrypoint: str | None
    path: tuple[str, ...]


class Parser(argparse.ArgumentParser):
    """A parser of options that may stand anywhere among the words, and that raises instead of exiting."""

    def __init__(self, command: str, words: str, *, description: str, epilog: str | None = None) -> None:
        prog = f"python -m client {command}".rstrip()
        super().__init__(
            prog=prog, usage=f"{prog} {words}", description=description, epilog=epilog, allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip

    def add_connection_options(self) -> None:
        """Add the options that all commands have."""
        self.add_argument("--broker", metavar="URL", help=f"where Redis is (default: $BROKER_URL, then {DEFAULT_URL})")
        self.add_argument("--prefix", help="what all keys begin with (default: $CALLYARD_PREFIX, then callyard)")
        self.add_json_option()

    def add_json_option(self) -> None:
        """Add what even those commands have that ask nobody."""
        self.add_argument("--json", action="store_true", help="print JSON on one line, failures too")

    def read(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """Split *arguments* into options and words; all that follows `--` is words.

        Raises:
            UsageError: an option is unknown or has no proper value.
        """
        options, words_only = split_at_dashes(arguments)
        given, words = self.parse_known_args(options)
        for word in words:
            if word.startswith("-") and not _is_number(word):
                raise UsageError(f"There is no option {word}. Put -- before words that begin with a dash.")
        return given, [*words, *words_only]

    def error(self, message: str) -> NoReturn:
        """Raise *message* as `UsageError`."""
        raise UsageError(f"{message[:1].upper()}{message[1:]}. See {self.prog} --help.")


def split_at_dashes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before the first `--`, and what stands behind it."""
    listed = list(arguments)
    cut = listed.index("--") if "--" in listed else len(listed)
    return listed[:cut], listed[cut + 1 :]


def read_target(text: str) -> Target:
    """Read `service.member` or `service#Entrypoint.member`; the member may be a path.

    Raises:
        UsageError: *text* is neither.
    """
    head, _, member = text.partition(".")
    service, hash_sign, entrypoint = head.partition("#")
    path = tuple(member.split("."))
    if not service or not all(path) or (hash_sign and not entrypoint):
        raise UsageError(f"{text!r} is no target: write service.method or service#Entrypoint.method.")
    if len(path) > DEEPEST_PATH:
        raise UsageError(f"The path in a target may have {DEEPEST_PATH} names, not {len(path)}.")
    return Target(service, entrypoint if hash_sign else None, path)


class Word(NamedTuple):
    """An argument as it was typed, or what stands in the file that it named."""

    text: str
    data: bytes | None = None


def split_arguments(words: Sequence[str]) -> tuple[list[Word], dict[str, Word]]:
    """Positional and keyword arguments (`key=value`); `@FILE` stands for what is in the file, `@-` for standard input.

    Raises:
        UsageError: a keyword is given twice, or a file cannot be read.
    """
    positional: list[Word] = []
    keywords: dict[str, Word] = {}
    for word in words:
        match = _KEYWORD.fullmatch(word)
        if match is None:
            positional.append(_read_word(word))
        elif match[1] in keywords:
            raise UsageError(f"The argument {match[1]!r} is given twice.")
        else:
            keywords[match[1]] = _read_word(match[2])
    return positional, keywords


def read_value(word: Word, schema: object = None, document: Mapping[str, Any] | None = None) -> Any:
    """What *word* means where *schema* (of *document*) is wanted.

    Where nothing is known of that, it is JSON where it is JSON, else text; so `'"1"'` is the text 1.

    Raises:
        UsageError: it is JSON of a depth that Python does not read.
    """
    if word.data is not None and mapping(schema).get("x-python") == "bytes":
        return word.data
    try:
        return Converter(document or {}).from_text(word.text, schema)
    except RecursionError as error:
        raise UsageError("An argument is nested too deeply.") from error


def _read_word(word: str) -> Word:
    if not word.startswith("@") or word == "@":
        return Word(word)
    try:
        data = sys.stdin.buffer.read() if word == "@-" else Path(word[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{word}: {error.strerror}. Write '\"{word}\"' for text that begins with @.") from error
    # Editors end files with a line end that nobody means.
    return Word(data.decode("utf-8", "replace").removesuffix("\n"), data)


def read_duration(text: str) -> float:
    """Seconds: `2`, `2.5`, `250ms`, `10m`, `1h`.

    Raises:
        argparse.ArgumentTypeError: *text* is nothing like that, or no time at all.
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is no time to wait: write seconds, or for example 250ms or 10m")
    return seconds


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True

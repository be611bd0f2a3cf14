"""What may stand where a shell asks for completion. Pure: what the registry has is handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from client.offers.reading import entrypoints_of, is_name, mapping, members_of, sequence

COMMANDS: Final = ("call", "completion", "describe", "gateway", "types")
_DEEPEST: Final = 8
_MOST_BITS: Final = 128
_CONNECTION: Final = ("--broker", "--json", "--prefix")
_GATEWAY: Final = ("--listen", "--route", "--timeout", "--longest-timeout", "--grace", "--max-body", "--trust")
_OPTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "call": ("--broker", "--json", "--prefix", "--property", "--timeout"),
    "describe": (*_CONNECTION, "--openrpc"),
    "types": (*_CONNECTION, "--blocking", "--check", "--module"),
    "gateway": (*_CONNECTION, *_GATEWAY, "--verbose"),
    "completion": ("--json",),
}
_WITH_VALUE: Final = ("--broker", "--prefix", "--timeout", "--check", *_GATEWAY)


class Asked(NamedTuple):
    """What a shell wants to know.

    Attributes:
        command: The command, or nothing while that itself is typed.
        words: The words behind it, without options and their values.
        current: The word that is being typed; may be empty.
        options: The options with a value that stand on the line.
        hidden: Whether the word is the value of an option, which nobody here knows.
    """

    command: str
    words: Sequence[str]
    current: str
    options: Mapping[str, str]
    hidden: bool

    @property
    def service(self) -> str | None:
        """The service whose offers have to be known, if any have to be."""
        if self.command != "call" or self.hidden or self.current.startswith("-"):
            return None
        target = self.words[0] if self.words else self.current
        head = target.partition(".")[0].partition("#")[0]
        return head if head != target and head else None

    @property
    def wants_services(self) -> bool:
        """Whether the word is the name of a service."""
        named = self.command in ("call", "describe", "types") and not self.words and self.service is None
        return named and not self.hidden and not self.current.startswith("-")


def read_line(words: Sequence[str]) -> Asked:
    """Read the words behind `python -m client`, of which the last is being typed."""
    *before, current = words or [""]
    plain: list[str] = []
    options: dict[str, str] = {}
    waiting = ""
    for word in before:
        if waiting:
            options[waiting], waiting = word, ""
        elif word in _WITH_VALUE:
            waiting = word
        elif word.startswith("--") and "=" in word:
            name, _, value = word.partition("=")
            options[name] = value
        elif not word.startswith("--"):
            plain.append(word)
    command, *rest = plain or [""]
    return Asked(command, rest, current, options, bool(waiting))


def candidates(asked: Asked, services: Sequence[str], offers: Mapping[str, Any]) -> list[str]:
    """What *asked* may become. Those that end in `.`, `#` or `=` want more to follow at once."""
    if asked.hidden:
        return []
    return [found for found in _all(asked, services, offers) if found.startswith(asked.current)]


def _all(asked: Asked, services: Sequence[str], offers: Mapping[str, Any]) -> Iterator[str]:
    if not asked.command:
        yield from COMMANDS
    elif asked.current.startswith("-"):
        yield from _OPTIONS.get(asked.command, ())
    elif asked.command == "completion" and not asked.words:
        yield from ("bash", "fish", "zsh")
    elif asked.wants_services:
        yield from (f"{name}." if asked.command == "call" else name for name in services)
    elif asked.service is not None:
        yield from _arguments(asked, offers) if asked.words else _targets(asked.service, offers)


def _targets(service: str, offers: Mapping[str, Any]) -> Iterator[str]:
    for entrypoint, offer in entrypoints_of(offers):
        start = service if entrypoint == "Default" else f"{service}#{entrypoint}"
        yield from (f"{start}.{name}" for name, _ in members_of(offer))
        if offer.get("fetch") is True:
            yield f"{start}.fetch"


def _arguments(asked: Asked, offers: Mapping[str, Any]) -> Iterator[str]:
    head, _, member = asked.words[0].partition(".")
    described = mapping(mapping(mapping(offers.get(head.partition("#")[2] or "Default")).get("members")).get(member))
    document = mapping(described.get("parameters"))
    known, definitions = mapping(document.get("properties")), mapping(document.get("$defs"))
    given = {word.partition("=")[0] for word in asked.words[1:] if "=" in word}
    for taken in map(mapping, sequence(described.get("takes"))):
        name = taken.get("name")
        if (
            not isinstance(name, str)
            or not is_name(name)
            or name in given
            or taken.get("kind") not in ("any", "keyword")
        ):
            continue
        if asked.current.startswith(f"{name}="):
            yield from (f"{name}={value}" for value in _values(known.get(name), definitions))
        else:
            yield f"{name}="


def _values(
    schema: object, definitions: Mapping[str, Any], depth: int = 0, followed: set[str] | None = None
) -> Iterator[str]:
    given, followed = mapping(schema), set[str]() if followed is None else followed
    reference = given.get("$ref")
    variants = [*sequence(given.get("anyOf"))]
    if isinstance(reference, str) and reference not in followed:
        followed.add(reference)
        variants.append(definitions.get(reference.removeprefix("#/$defs/")))
    for variant in variants if depth < _DEEPEST else []:
        yield from _values(variant, definitions, depth + 1, followed)
    if given.get("type") == "boolean":
        yield from ("false", "true")
    for value in [*sequence(given.get("enum")), given.get("const")]:
        # A shell reads these lines: nothing else than plain words may stand in them.
        if isinstance(value, str) and is_name(f"_{value}"):
            yield value
        elif isinstance(value, int) and value.bit_length() <= _MOST_BITS:
            yield str(value).lower()

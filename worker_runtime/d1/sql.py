"""SQL as far as it has to be understood: where statements end, what they begin with, whether they only read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from worker_runtime.d1.errors import D1Error

# What has no end runs to the end of the text, as with SQLite, which then says what it misses.
_TOKEN: Final = re.compile(
    r"""(?P<skip>[ \t\n\f\r\ufeff]+|--[^\n]*|/\*.*?(?:\*/|\Z))
      |(?P<end>;)
      |(?P<quoted>'[^']*(?:'|\Z)|"[^"]*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z))
      |(?P<named>[:@$][A-Za-z_0-9$\u0080-\U0010ffff]+)
      |(?P<word>[A-Za-z_\u0080-\U0010ffff][A-Za-z_0-9$\u0080-\U0010ffff]*)
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)

_TRIGGER: Final = re.compile(r"(EXPLAIN (QUERY PLAN )?)?CREATE (TEMP |TEMPORARY )?TRIGGER\b", re.IGNORECASE | re.ASCII)
_BEGINNING: Final = 6
"""Tokens that are enough to see it."""

_READS: Final = frozenset({"SELECT", "VALUES", "EXPLAIN"})
_MAIN: Final = frozenset({"SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"})
"""What can follow the tables of a WITH."""

READING_PRAGMAS: Final = frozenset(
    {"TABLE_INFO", "TABLE_XINFO", "TABLE_LIST", "INDEX_LIST", "INDEX_INFO", "INDEX_XINFO", "FOREIGN_KEY_LIST"}
    | {"FOREIGN_KEY_CHECK", "INTEGRITY_CHECK", "QUICK_CHECK", "FUNCTION_LIST", "MODULE_LIST", "PRAGMA_LIST"}
    | {"COLLATION_LIST", "COMPILE_OPTIONS", "DATABASE_LIST", "DATA_VERSION", "PAGE_COUNT", "FREELIST_COUNT"}
)
"""Pragmas that only tell, whatever argument they get."""

TRANSACTION: Final = (
    "To run statements as one transaction, use batch(); BEGIN, COMMIT, ROLLBACK, SAVEPOINT and RELEASE are not allowed."
)
NOT_AUTHORIZED: Final = "not authorized"
NAMED: Final = "Named parameters are not supported: write ? or ?NNN."
_REFUSED: Final = {
    **dict.fromkeys(("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE"), TRANSACTION),
    # These reach files beyond the one that the database is.
    **dict.fromkeys(("ATTACH", "DETACH", "VACUUM"), NOT_AUTHORIZED),
}


class Token(NamedTuple):
    """One token: what kind, its text, and where it ends."""

    kind: str
    text: str
    end: int


class Statement(NamedTuple):
    """One statement of a text.

    Attributes:
        text: The statement, from its first word on.
        reads: Whether it changes nothing.
        refusal: Why it may not be run, or None.
    """

    text: str
    reads: bool
    refusal: str | None


@lru_cache(maxsize=512)
def statements(sql: str) -> tuple[Statement, ...]:
    """Return the statements of *sql*; there are none where it holds only comments and white space.

    Raises:
        D1Error: It holds characters that no statement can.
    """
    if "\0" in sql:
        raise D1Error("The statement contains a null character.")
    if not sql.isascii():
        try:
            sql.encode()
        except UnicodeEncodeError as error:
            raise D1Error("The statement contains a lone surrogate.") from error
    return tuple(_statement(text, tokens) for text, tokens in _split(sql))


def only_reads(sql: str) -> bool:
    """Return whether nothing in *sql* changes anything."""
    return all(statement.reads for statement in statements(sql))


def _tokens(sql: str) -> Iterator[Token]:
    for match in _TOKEN.finditer(sql):
        if match.lastgroup != "skip":
            yield Token(match.lastgroup or "other", match[0], match.end())


def _split(sql: str) -> Iterator[tuple[str, list[Token]]]:
    held: list[Token] = []
    start, in_trigger = 0, False
    for token in _tokens(sql):
        if token.kind != "end":
            if not held:
                start = token.end - len(token.text)
            held.append(token)
        elif held:
            in_trigger = in_trigger or _begins_trigger(held)
            if in_trigger and not _ends_trigger(held):
                held.append(token)
            else:
                yield sql[start : token.end], held
                held, in_trigger = [], False
    if held:
        yield sql[start:].rstrip(), held


def _begins_trigger(tokens: list[Token]) -> bool:
    """Whether *tokens* make a trigger, whose body has semicolons of its own."""
    return _TRIGGER.match(" ".join(token.text for token in tokens[:_BEGINNING])) is not None


def _ends_trigger(tokens: list[Token]) -> bool:
    """Whether a semicolon behind *tokens*, which begin a trigger, is its end: it ends with `; END;`."""
    before, last = tokens[-2:]
    return before.kind == "end" and last.text.upper() == "END"


def _statement(text: str, tokens: list[Token]) -> Statement:
    first = tokens[0].text.upper()
    refusal = _REFUSED.get(first)
    if refusal is None and any(token.kind == "named" for token in tokens):
        refusal = NAMED
    return Statement(text, _reads(first, tokens), refusal)


def _reads(first: str, tokens: list[Token]) -> bool:
    if first == "WITH":
        return _main(tokens) in _READS
    if first == "PRAGMA":
        return _pragma(tokens) in READING_PRAGMAS
    return first in _READS


def _main(tokens: list[Token]) -> str | None:
    """What a WITH is for: the first verb outside all parentheses."""
    depth = 0
    for token in tokens:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.kind == "word" and (word := token.text.upper()) in _MAIN:
            return word
    return None


def _pragma(tokens: list[Token]) -> str | None:
    names = [token.text.upper() for token in tokens[1:4]]
    # As in `PRAGMA main.table_info(t)`.
    qualified = len(names) == 3 and names[1] == "."
    return names[2] if qualified else next(iter(names), None)

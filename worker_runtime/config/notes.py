"""Notes: what is accepted and changes nothing, said once so that nobody waits for an effect."""

import difflib
from collections.abc import Iterable, Iterator, Mapping

from worker_runtime.config import keys


def on_keys(table: Mapping[str, object], *, prefix: str = "") -> Iterator[str]:
    """Yield a note for every key of the top level, or of an environment, that has no effect.

    Args:
        table: The keys and their values.
        prefix: What stands before the keys in the notes, such as "env.prod.".
    """
    for key in table:
        if key in keys.BINDINGS_TO_COME:
            yield f"{prefix}{key}: not supported yet: ignored"
        elif key in keys.WITHOUT_EFFECT:
            yield f"{prefix}{key}: has no effect here: ignored"
        elif key not in keys.KNOWN:
            yield unknown(f"{prefix}{key}", key, keys.KNOWN)


def on_unknown(table: Mapping[str, object], known: Iterable[str], *, prefix: str) -> Iterator[str]:
    """Yield a note for every key of `table` that is not one of `known`."""
    known = tuple(known)
    for key in table:
        if key not in known:
            yield unknown(f"{prefix}{key}", key, known)


def unknown(place: str, key: str, known: Iterable[str]) -> str:
    """Return the note for an unknown key, with the known one that was probably meant."""
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{place}: unknown key: ignored" + (f'. Did you mean "{close[0]}"?' if close else "")

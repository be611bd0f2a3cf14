"""Named environments: `[env.NAME]` over the top level."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker_runtime.config import keys, notes
from worker_runtime.config.mistakes import refuse
from worker_runtime.config.model import service_name
from worker_runtime.config.tables import as_table, shown


@dataclass(frozen=True, slots=True)
class Section:
    """The keys that hold for the chosen environment, or the top level where none was chosen.

    Attributes:
        keys: The keys with inheritance done; `env` is not among them.
        environment: The chosen environment, or None.
        notes: What to tell about keys without effect and about bindings that were not inherited.
    """

    keys: Mapping[str, object]
    environment: str | None
    notes: tuple[str, ...]

    def place(self, key: str) -> str:
        """Return how a key that environments do not inherit is written, such as "env.prod.services"."""
        return f"env.{self.environment}.{key}" if self.environment else key


def select(document: Mapping[str, object], environment: str | None, *, file: Path) -> Section:
    """Return the section of the chosen environment.

    Raises:
        ConfigurationError: There is no such environment, its name is none, or it is no table.
    """
    top = {key: value for key, value in document.items() if key != "env"}
    sections = _sections(document, file)
    if environment is None:
        return Section(top, None, (*notes.on_keys(top), *_none_chosen(sections)))
    own = _own(sections, environment, file)
    usable = {key: value for key, value in own.items() if key not in keys.TOP_LEVEL_ONLY}
    inherited = {key: value for key, value in top.items() if key not in keys.NOT_INHERITED}
    merged = inherited | _with_suffix(inherited, environment) | usable | _settings(top, own, file, environment)
    return Section(merged, environment, tuple(_notes(top, own, inherited, environment)))


def _sections(document: Mapping[str, object], file: Path) -> dict[str, object]:
    if (sections := as_table(document.get("env", {}))) is None:
        raise refuse(file, f"env: should be a table but got {shown(document['env'])}.", "Write [env.NAME].")
    return sections


def _own(sections: Mapping[str, object], environment: str, file: Path) -> dict[str, object]:
    if environment not in sections:
        there = ", ".join(sections) or "none"
        fix = f"Choose one of them, or add [env.{environment}]."
        raise refuse(file, f"env: no environment {environment!r}; there are: {there}.", fix)
    try:
        service_name(environment)
    except ValueError as error:
        raise refuse(file, f"env: the name of an environment {error}.") from None
    if (own := as_table(sections[environment])) is None:
        raise refuse(file, f"env.{environment}: should be a table but got {shown(sections[environment])}.")
    return own


def _with_suffix(inherited: Mapping[str, object], environment: str) -> dict[str, object]:
    name = inherited.get("name")
    return {"name": f"{name}-{environment}"} if isinstance(name, str) else {}


def _settings(top: Mapping[str, object], own: Mapping[str, object], file: Path, environment: str) -> dict[str, object]:
    # Settings are inherited one by one: an environment states only those that differ.
    over = as_table(own.get("callyard", {}))
    if over is None:
        raise refuse(file, f"env.{environment}.callyard: should be a table but got {shown(own['callyard'])}.")
    base = as_table(top.get("callyard"))
    return {} if base is None else {"callyard": base | over}


def _none_chosen(sections: Mapping[str, object]) -> Iterator[str]:
    if sections:
        yield f"env: no environment chosen, so the top level holds; there are: {', '.join(sections)}"


def _notes(
    top: Mapping[str, object], own: Mapping[str, object], inherited: Mapping[str, object], environment: str
) -> Iterator[str]:
    where = f"env.{environment}"
    yield from notes.on_keys(inherited)
    for key in own:
        if key in keys.TOP_LEVEL_ONLY:
            yield f"{where}.{key}: belongs at the top level: ignored"
    yield from notes.on_keys(
        {key: value for key, value in own.items() if key not in keys.TOP_LEVEL_ONLY}, prefix=f"{where}."
    )
    for key in top:
        if key in keys.NOT_INHERITED and key not in own:
            yield f'"{key}" exists at the top level, but not on "{where}": environments do not inherit it'
    own_variables = as_table(own.get("vars"))
    for name in as_table(top.get("vars")) or {}:
        if own_variables is not None and name not in own_variables:
            yield f'"vars.{name}" exists at the top level, but not on "{where}.vars": environments do not inherit it'

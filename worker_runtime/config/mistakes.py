"""Collecting every mistake of a configuration, so that one run shows them all."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from broker.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong: where it stands, what is wrong with it, and what to do."""

    place: str | None
    key: str | None
    problem: str
    fix: str

    def __str__(self) -> str:
        where = "".join(f"{part}: " for part in (self.place, self.key) if part)
        return f"{where}{self.problem}" + (f" {self.fix}" if self.fix else "")


@dataclass(slots=True)
class Mistakes:
    """The mistakes found so far; `file` is where they stand unless one says otherwise."""

    file: Path | None
    found: list[Mistake] = field(default_factory=list[Mistake])

    def add(self, key: str, problem: str, fix: str = "", *, file: Path | None = None) -> None:
        """Remember a mistake at `key` of the file."""
        place = file or self.file
        self.found.append(Mistake(str(place) if place else None, key, problem, fix))

    def add_elsewhere(self, key: str, problem: str, fix: str = "") -> None:
        """Remember a mistake that stands in no file, such as one in a flag."""
        self.found.append(Mistake(None, key, problem, fix))

    def check(self) -> None:
        """Return when nothing was wrong.

        Raises:
            ConfigurationError: Something was; its message has one line for each mistake.
        """
        if not self.found:
            return
        only = self.found[0] if len(self.found) == 1 else None
        raise ConfigurationError(
            "\n".join(map(str, self.found)),
            file=str(self.file) if self.file else None,
            key=only.key if only else None,
            fix=only.fix if only else None,
        )


def refuse(file: Path | str, problem: str, fix: str = "") -> ConfigurationError:
    """Return the error for a file that cannot be read at all."""
    return ConfigurationError(str(Mistake(str(file), None, problem, fix)), file=str(file), fix=fix or None)


def reasons(error: ValidationError) -> list[tuple[str, str, str]]:
    """Return field, kind and reason of everything that pydantic found wrong."""
    result: list[tuple[str, str, str]] = []
    for detail in error.errors(include_url=False):
        context = detail.get("ctx", {})
        reason = str(context["error"]) if "error" in context else detail["msg"].replace("Input should", "should")
        result.append((str(detail["loc"][0]), detail["type"], reason))
    return result

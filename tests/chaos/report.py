"""What a run of chaos showed, as a line for the terminal and a table for people."""

import platform
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- chaos: written by `make chaos` -->", "<!-- end of chaos -->"


@dataclass(frozen=True)
class Result:
    """One part of the run, checked against the ledger of what was executed."""

    strikes: Counter[str]
    workers_lost: int
    calls: int
    answered: int
    failed: Counter[str]
    wrong: int
    unrun: int
    doubled: int
    most_doubled: int
    left: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether every call was answered rightly and run, twice only where a worker was lost, and nothing is left."""
        kept = self.answered == self.calls and not self.wrong and not self.unrun and not self.left
        return kept and self.doubled <= self.most_doubled

    def line(self) -> str:
        return (
            f"{self.strikes.total()} faults in {self.seconds:.0f} s: {self.calls} calls, {self.answered} answered, "
            f"{dict(self.failed)} failed, {self.wrong} wrong, {self.unrun} never run, {self.doubled} run twice "
            f"(at most {self.most_doubled} were under way), {self.left} entries left"
        )


def write(page: Path, seed: int, results: list[Result]) -> None:
    """Put the table between the two marks of *page*."""
    text = page.read_text(encoding="utf-8")
    table = "\n".join([BEGIN, "", *_table(seed, results), "", END])
    page.write_text(
        re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: table, text, flags=re.DOTALL), encoding="utf-8"
    )


def _table(seed: int, results: list[Result]) -> list[str]:
    harmless, harmful = results
    rows = [
        ("faults", "strikes", "total"),
        ("workers lost", "workers_lost", None),
        ("calls made", "calls", None),
        ("answered rightly", "answered", None),
        ("**lost** (answered and never run, or never answered)", "lost", None),
        ("wrong answers", "wrong", None),
        ("errors", "failed", "total"),
        ("run twice", "doubled", None),
        ("under way when a worker was lost, at most", "most_doubled", None),
        ("entries and dead letters left at the end", "left", None),
        ("seconds", "seconds", None),
    ]

    def value(result: Result, name: str) -> str:
        if name == "lost":
            return str(result.calls - result.answered + result.unrun)
        found = getattr(result, name)
        found = found.total() if isinstance(found, Counter) else found
        return f"{found:,.0f}".replace(",", " ")

    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    lines = [
        f"Seed {seed}, {machine}; two workers, lease 1 s.",
        "",
        "| | no worker lost | workers lost |",
        "|---|---|---|",
        *[f"| {label} | {value(harmless, name)} | {value(harmful, name)} |" for label, name, _ in rows],
        "",
        "| fault | times |",
        "|---|---|",
    ]
    lines += [f"| {name} | {count} |" for result in results for name, count in sorted(result.strikes.items())]
    return lines

"""What type checkers know of callers: both find every mistake that is marked in the cases, and no other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parent.parent.parent
CHECKERS = {
    "mypy": [BIN / "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-pretty"],
    "pyright": [BIN / "pyright", "--pythonpath", sys.executable],
}
FOUND = re.compile(r"^\s*([^\s:]+\.py):(\d+):(?:\d+)?[: -]+error")


FOLDERS = [CASES, ROOT / "examples" / "shop" / "caller"]
"""The cases, and the caller of an example, in which nothing is wrong: in one run, for a checker takes its time."""
FILES = [file for folder in FOLDERS for file in sorted(folder.glob("*.py"))]


def found_by(checker: str, cache: Path) -> tuple[set[tuple[str, int]], str]:
    """The lines that *checker* complains of, and all that it says."""
    more = ["--cache-dir", cache] if checker == "mypy" else []
    done = subprocess.run(
        [*CHECKERS[checker], *more, *FILES], cwd=CASES, capture_output=True, text=True, check=False,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "MYPYPATH": ":".join(map(str, [*FOLDERS, ROOT])), "HOME": str(cache)},
    )  # fmt: skip
    found = {(Path(match[1]).name, int(match[2])) for line in done.stdout.splitlines() if (match := FOUND.match(line))}
    return found, done.stdout + done.stderr


def marked() -> set[tuple[str, int]]:
    return {
        (file.name, number)
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith("# expect: error")
    }


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checker_finds_what_is_marked_and_nothing_else(checker, tmp_path):
    found, said = found_by(checker, tmp_path)

    assert found == marked(), said
    assert {name for name, _ in found} >= {"asynchronous.py", "bindings.py", "blocking.py", "references.py"}

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


def found_by(checker: str, folder: Path, cache: Path) -> tuple[set[tuple[str, int]], str]:
    """The lines in *folder* that *checker* complains of, and all that it says."""
    more = ["--cache-dir", cache] if checker == "mypy" else []
    command = [*CHECKERS[checker], *more, *sorted(folder.glob("*.py"))]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": f"{BIN}:/usr/bin:/bin", "MYPYPATH": f"{folder}:{ROOT}", "HOME": str(cache)},
    )  # fmt: skip
    found = {(Path(match[1]).name, int(match[2])) for line in done.stdout.splitlines() if (match := FOUND.match(line))}
    return found, done.stdout + done.stderr


def marked_in(folder: Path) -> set[tuple[str, int]]:
    return {
        (file.name, number)
        for file in folder.glob("*.py")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if line.endswith("# expect: error")
    }


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checker_finds_what_is_marked_and_nothing_else(checker, tmp_path):
    found, said = found_by(checker, CASES, tmp_path)

    assert found == marked_in(CASES), said


@pytest.mark.parametrize("checker", CHECKERS)
def test_the_checker_finds_nothing_wrong_with_the_caller_of_the_example(checker, tmp_path):
    found, said = found_by(checker, ROOT / "examples" / "shop" / "caller", tmp_path)

    assert found == set(), said
    assert "no issues found" in said or "0 errors" in said or said == ""

"""The examples of docs/testing.md are one test module, and its tests pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text()
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_example_passes_as_a_test_of_a_user(tmp_path):
    (tmp_path / "test_shop.py").write_text("\n\n".join(EXAMPLES))
    (tmp_path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\n")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(scope='session')\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    written = len(re.findall(r"^ *(?:async )?def test_", "\n".join(EXAMPLES), re.MULTILINE))

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-c", tmp_path / "pytest.ini", tmp_path],
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert f"{written} passed" in done.stdout
    assert written >= 9


def test_page_has_no_other_code():
    assert PAGE.count("\n```") == 2 * len(EXAMPLES)

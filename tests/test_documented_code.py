"""What the documentation shows is true: its programs run, its commands print what stands below them.

`tests/support/pages.py` says how a page marks what readers need not see, `tests/support/scenes.py` how it is played.
"""

import os
import re
import subprocess
import sys
import tomllib

import pytest
import yaml

from broker.embedded import EmbeddedBroker
from tests.support.pages import PAGES, ROOT, Block, blocks, commands, name_of
from tests.support.scenes import ELSEWHERE, Scene

RUN = {"python", "console", "toml", "jsonc"}
TRIED_ELSEWHERE = {
    "acl": "tests/acceptance/test_users.py",
    "conf": "tests/test_deployment.py",
    "ini": "tests/test_deployment.py",
    "yaml": "tests/test_deployment.py",
}
"""Languages whose blocks need a test that knows what they are for."""
TEXT = {"", "run"}
PLUGINS = ("-p", "anyio.pytest_plugin", "-p", "worker_runtime.pytest_plugin")
"""What a user's tests need. Others take longer to load than the tests to run."""
MOST_FRAGMENTS = 6
MOST_ELSEWHERE = 16
EVERY_BLOCK = [(page, block) for page in PAGES for block in blocks(page)]
WITH_CODE = [page for page in PAGES if any(block.language in RUN and not block.fragment for block in blocks(page))]
IS_TEST = re.compile(r"^ *(?:async )?def test_", re.MULTILINE)


def module_of(page) -> list[Block]:
    """The blocks of a page whose programs are tests: together they are one module."""
    listed = [block for block in blocks(page) if block.language == "python" and not block.file]
    return listed if any(IS_TEST.search(block.text) for block in listed) else []


@pytest.mark.parametrize("page", [page for page in WITH_CODE if not module_of(page)], ids=name_of)
def test_page_does_what_it_says(page, tmp_path):
    with EmbeddedBroker() as broker:
        scene = Scene(tmp_path, broker.url)
        try:
            scene.play(list(blocks(page, scene.own_ports(page.read_text(encoding="utf-8")))))
        finally:
            scene.close()


@pytest.mark.parametrize("page", [page for page in WITH_CODE if module_of(page)], ids=name_of)
def test_examples_pass_as_tests_of_a_user(page, tmp_path):
    module = "\n\n".join(block.text for block in module_of(page))
    (tmp_path / "test_page.py").write_text(module, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(scope='session')\ndef anyio_backend():\n    return 'asyncio'\n"
    )

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *PLUGINS, "-c", tmp_path / "pytest.ini", tmp_path],
        cwd=ROOT, env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert f"{len(IS_TEST.findall(module))} passed" in done.stdout


def test_every_block_is_of_a_kind_that_is_tried():
    known = RUN | set(TRIED_ELSEWHERE) | TEXT
    strange = [block.place for _, block in EVERY_BLOCK if block.language not in known and not block.file]
    plain = [block for _, block in EVERY_BLOCK if not block.language]
    hidden = [block.place for block in plain if re.search(r"^(\$|python|source) ", block.text, re.MULTILINE)]

    assert strange == []
    assert hidden == []
    assert [test for test in TRIED_ELSEWHERE.values() if not (ROOT / test).exists()] == []


def test_fragments_are_few_and_say_why():
    fragments = [block.place for _, block in EVERY_BLOCK if block.fragment]

    assert len(fragments) <= MOST_FRAGMENTS, fragments


def typed() -> list[list[str]]:
    return [
        command.line.split()
        for _, block in EVERY_BLOCK
        if block.language == "console" and not block.fragment
        for command in commands(block)
        if command.line.split()[0] in ELSEWHERE
    ]


def test_commands_that_cannot_run_here_are_few_and_name_what_exists():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]

    assert len(typed()) <= MOST_ELSEWHERE
    for words in typed():
        if words[0] == "make":
            assert set(words[1:]) <= targets
        elif words[0] == "pip":
            assert set(re.findall(r"\w+", words[-1].partition("[")[2])) <= set(extras)
        elif words[0] == "docker":
            assert words[:3] == ["docker", "compose", "up"]
            assert words[words.index("--scale") + 1].partition("=")[0] in services


@pytest.mark.parametrize("page", ["docs/how-to/scale.md", "docs/comparison.md"])
def test_figures_are_those_of_the_benchmarks(page):
    measured = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    text = (ROOT / page).read_text(encoding="utf-8")
    quoted = re.findall(r"\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?(?= (?:µs|ms|MB|times|% of a core)\b)", text)

    assert len(quoted) > 5
    wrong = [each for each in quoted if not re.search(rf"(?<![\d.,]){re.escape(each)}(?![\d,]|\.\d)", measured)]
    assert wrong == []


def anchors(text: str) -> set[str]:
    """The names that a code host gives to headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or link.startswith("mailto:"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            wrong.append(link)

    assert wrong == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150

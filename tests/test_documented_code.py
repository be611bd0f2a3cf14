"""What the documentation shows is true: its programs run, its commands print what stands below them.

`tests/support/pages.py` says how a page marks what readers need not see. A page is followed
(`tests/support/walking.py`), or played as a scene (`tests/support/scenes.py`), or, where its programs are tests, run as
one module of them.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest
import yaml

from tests.support.pages import PAGES, ROOT, Block, blocks, commands, is_walked, name_of
from tests.support.programs import Programs
from tests.support.reading import ELSEWHERE, NO_PLUGINS
from tests.support.scenes import Scene
from tests.support.servers import emptied, serving
from tests.support.walking import Walk
from website.reference import pages as generated

RUN = {"python", "console", "toml", "jsonc"}
TRIED_ELSEWHERE = {
    "acl": "tests/acceptance/test_users.py",
    "conf": "tests/test_deployment.py",
    "ini": "tests/test_deployment.py",
    "yaml": "tests/test_deployment.py",
}
"""Languages whose blocks need a test that knows what they are for."""
TEXT = {"", "run"}
SHOWN = {"text"}
"""What the first terminal of a walk shows; in generated pages, what a command printed."""
GENERATED = {f"docs/reference/{page.file}" for page in generated()}
MOST_FRAGMENTS = 6
MOST_ELSEWHERE = 16
EVERY_BLOCK = [(page, block) for page in PAGES for block in blocks(page)]
WALKED = [page for page in PAGES if is_walked(page)]
WITH_CODE = [
    page
    for page in PAGES
    if page not in WALKED and any(block.language in RUN and not block.fragment for block in blocks(page))
]
IS_TEST = re.compile(r"^ *(?:async )?def test_", re.MULTILINE)


def module_of(page) -> list[Block]:
    """The blocks of a page whose programs are tests: together they are one module."""
    listed = [block for block in blocks(page) if block.language == "python" and not block.file]
    return listed if any(IS_TEST.search(block.text) for block in listed) else []


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving("redis-server") as url:
        yield url


@pytest.fixture(scope="module")
def programs() -> Iterator[Programs]:
    with Programs() as programs:
        yield programs


@pytest.mark.redis
@pytest.mark.parametrize("page", [page for page in WITH_CODE if not module_of(page)], ids=name_of)
def test_page_does_what_it_says(page, server, programs, tmp_path):
    scene = Scene(tmp_path, emptied(server), programs)
    try:
        scene.play(page)
    finally:
        scene.close()


@pytest.mark.redis
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", WALKED, ids=name_of)
def test_page_can_be_followed_from_its_first_line_to_its_last(page, tmp_path):
    walk = Walk(tmp_path)
    try:
        walk.play(page)
    finally:
        walk.close()


def test_examples_pass_as_tests_of_a_user(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nanyio_mode = auto\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture(scope='session')\ndef anyio_backend():\n    return 'asyncio'\n"
    )
    modules = {page: "\n\n".join(block.text for block in module_of(page)) for page in WITH_CODE if module_of(page)}
    for page, module in modules.items():
        name = re.sub(r"\W", "_", name_of(page).removesuffix(".md"))
        (tmp_path / f"test_{name}.py").write_text(module, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", *NO_PLUGINS, "-c", tmp_path / "pytest.ini", tmp_path],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert len(modules) > 1
    assert f"{sum(len(IS_TEST.findall(module)) for module in modules.values())} passed" in done.stdout


def known_on(page) -> set[str]:
    shown = SHOWN if page in WALKED or name_of(page) in GENERATED else set()
    return RUN | set(TRIED_ELSEWHERE) | TEXT | shown


def test_every_block_is_of_a_kind_that_is_tried():
    strange = [block.place for page, block in EVERY_BLOCK if block.language not in known_on(page) and not block.file]
    plain = [block for _, block in EVERY_BLOCK if not block.language]
    hidden = [block.place for block in plain if re.search(r"^(\$|python|source) ", block.text, re.MULTILINE)]

    assert strange == []
    assert hidden == []
    assert [test for test in TRIED_ELSEWHERE.values() if not (ROOT / test).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_block_is_overlooked(page):
    fences = re.findall(r"^ *(?:```|~~~)", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert len(fences) == 2 * sum(block.language != "run" for block in blocks(page))


def test_fragments_are_few_and_say_why():
    fragments = [block.place for _, block in EVERY_BLOCK if block.fragment]

    assert len(fragments) <= MOST_FRAGMENTS, fragments


def typed() -> list[list[str]]:
    return [
        command.line.split()
        for _, block in EVERY_BLOCK
        if block.language == "console" and not block.fragment
        for command in commands(block)
        if command.line.startswith(ELSEWHERE)
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
            named = re.findall(r"\[([\w,]+)\]", " ".join(words))
            assert {extra for each in named for extra in each.split(",")} <= set(extras)
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

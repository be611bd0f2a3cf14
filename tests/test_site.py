"""The documentation beside its text: generated pages fit the code, and the checks of the site find what is wrong."""

import tomllib

import pytest

from broker.operator import cli as operator
from client.command_line.outcome import EXIT_CODES
from client.command_line.outcome import Exit as ClientExit
from tests.support.workers import ROOT
from website.checks import broken_links, lost_pages
from website.reference import PAGES, pages, read_exit_codes
from worker_runtime import cli as worker
from worker_runtime.exits import Exit

HEAD = '<link rel="stylesheet" href="site.css"><h1 id="top">Page</h1>'


def site_of(folder, body, other=""):
    """A site of two pages, the first with this body."""
    (folder / "other").mkdir()
    (folder / "site.css").write_text("")
    (folder / "index.html").write_text(HEAD + body)
    (folder / "other" / "index.html").write_text(f'<h2 id="there">Other</h2>{other}')
    return folder


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.file)
def test_generated_page_fits_the_code(page):
    assert (PAGES / page.file).read_text() == str(page), "make docs"


def test_exit_codes_that_help_texts_name_are_those_that_there_are():
    assert set(read_exit_codes(worker._parser().epilog)) == set(Exit)
    assert set(read_exit_codes(EXIT_CODES)) == set(ClientExit)
    assert set(read_exit_codes(operator._parser().epilog)) == {
        operator.DONE, operator.FOUND, operator.USAGE, operator.NO_REDIS,
    }  # fmt: skip


def test_a_whole_site_has_no_broken_links(tmp_path):
    body = '<a href="other/#there">o</a><a href="#top">t</a><a href="https://elsewhere.example/">e</a>'

    assert list(broken_links(site_of(tmp_path, body, '<img src="../site.css"><a href="..">home</a>'))) == []


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<a href="gone/">x</a>', "links to gone/, which is not there"),
        ('<a href="other/#nowhere">x</a>', "a place that is not on that page"),
        ('<a href="#nowhere">x</a>', "a place that is not on that page"),
        ('<img src="gone.svg">', "loads gone.svg, which is not there"),
        ('<script src="https://cdn.example/a.js"></script>', "from elsewhere"),
        ('<pre class="mermaid">graph TD</pre>', "loads //mermaid from elsewhere"),
        ('<link rel="preconnect" href="//fonts.example">', "from elsewhere"),
    ],
)
def test_what_is_broken_is_named(tmp_path, body, fault):
    (found,) = broken_links(site_of(tmp_path, body))

    assert fault in found


def test_page_that_nothing_leads_to_and_entry_without_a_page_are_named(tmp_path):
    (tmp_path / "decisions").mkdir()
    (tmp_path / "decisions" / "README.md").write_text("| [0001](0001-yes.md) | Yes |")
    for name in ("index", "lost", "decisions/0001-yes", "decisions/0002-lost"):
        (tmp_path / f"{name}.md").write_text("")
    nav = [{"Home": "index.md"}, {"More": [{"Decisions": "decisions/README.md"}, {"Gone": "gone.md"}]}]

    found = sorted(line.split()[0:4] for line in lost_pages(tmp_path, {"project": {"nav": nav}}))

    assert [" ".join(words) for words in found] == [
        "docs/decisions/0002-lost.md stands neither in",
        "docs/lost.md stands neither in",
        "the navigation names docs/gone.md,",
    ]


def test_the_navigation_of_the_site_is_whole():
    assert list(lost_pages(ROOT / "docs", tomllib.loads((ROOT / "zensical.toml").read_text()))) == []

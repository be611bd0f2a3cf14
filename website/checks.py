"""`python -m website.checks SITE`: look at the built site as a browser does, and at the docstrings behind it.

Every link leads to a page that is there, and to a place on it; every picture, style and script is the site's own;
every page stands in the navigation; every docstring that is shown can be read as what it means.
"""

from __future__ import annotations

import logging
import re
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import griffe

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("broker", "client", "worker_runtime", "workers")

_LOADED: Final = {("script", "src"), ("img", "src"), ("source", "src"), ("iframe", "src"), ("object", "data")}
"""Attributes whose URL a browser loads without being asked to."""
_LOADED_LINKS: Final = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
_FETCHING: Final = {"mermaid", "glightbox", "pyodide"}
"""Classes for which the theme's own script fetches a library from elsewhere."""


class Page(HTMLParser):
    """The places of a page, what it links to, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element is, links to or loads."""
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and _LOADED_LINKS & set(given.get("rel", "").split()):
            self.loads.append(given["href"])
        self.loads += [f"//{name}" for name in _FETCHING & set(given.get("class", "").split())]
        self.loads += [value for name, value in given.items() if (tag, name) in _LOADED]


def broken_links(site: Path) -> Iterator[str]:
    """Yield a sentence for each link and each loaded file of the built *site* that is not there or not its own."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":
            # It is shown in the place of any page, so its links begin at the root of wherever the site is published.
            continue
        shown = path.relative_to(site)
        for url in page.loads:
            if urlsplit(url).netloc or urlsplit(url).scheme not in ("", "data"):
                yield f"{shown} loads {url} from elsewhere"
            elif not urlsplit(url).scheme and not _file(path, url).exists():
                yield f"{shown} loads {url}, which is not there"
        for url in page.links:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = _file(path, url)
            if not target.exists():
                yield f"{shown} links to {url}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
                yield f"{shown} links to {url}, a place that is not on that page"


def _file(page: Path, url: str) -> Path:
    path = unquote(urlsplit(url).path)
    target = (page.parent / path).resolve() if path else page
    return target / "index.html" if target.is_dir() else target


def lost_pages(docs: Path, configuration: dict[str, Any]) -> Iterator[str]:
    """Yield a sentence for each page that nothing leads to, and for each entry of the navigation without a page."""
    named = set(_entries(configuration["project"]["nav"]))
    decisions = set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", (docs / "decisions" / "README.md").read_text("utf-8")))
    named |= {f"decisions/{name}" for name in decisions}
    there = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    yield from (f"docs/{name} stands neither in the navigation nor in the list of decisions" for name in there - named)
    yield from (f"the navigation names docs/{name}, which is not there" for name in named - there)


def _entries(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
        return
    for part in entry.values() if isinstance(entry, dict) else entry:
        yield from _entries(part)


def unclear_docstrings(docs: Path) -> list[str]:
    """What is not clear in the docstrings that the reference shows, such as parameters that do not exist."""
    heard: list[str] = []

    class Hears(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record.getMessage())

    logging.getLogger("griffe").addHandler(Hears(logging.WARNING))
    loader = griffe.GriffeLoader(search_paths=[ROOT], docstring_parser=griffe.Parser.google)
    for package in PACKAGES:
        loader.load(package)
    loader.resolve_aliases(implicit=False, external=False)
    seen: set[str] = set()
    for page in sorted((docs / "reference").glob("*.md")):
        for name in re.findall(r"^::: (\S+)$", page.read_text("utf-8"), re.MULTILINE):
            _read(loader.modules_collection[name], seen)
    return heard


def _read(found: Any, seen: set[str]) -> None:
    found = found.final_target if found.is_alias else found
    if found.path in seen or found.name.startswith("_"):
        return
    seen.add(found.path)
    if found.docstring is not None:
        found.docstring.parse(griffe.Parser.google)
    for member in found.members.values():
        if not member.is_alias:
            _read(member, seen)


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    docs, configuration = ROOT / "docs", tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))
    found = [*lost_pages(docs, configuration), *unclear_docstrings(docs)]
    found += broken_links(Path(sys.argv[1]).resolve())
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(found)} faults of the site" if found else "the site is whole")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

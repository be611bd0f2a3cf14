"""Which file answers a path, or where its canonical path is: `html_handling` and `not_found_handling`. Pure.

Each way of handling is a table: for every kind of path the candidates in the order in which they are tried. A page that
is one file is `STEM.html`, a page that is a folder is `STEM/index.html`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

HtmlHandling: TypeAlias = Literal["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"]
NotFoundHandling: TypeAlias = Literal["none", "404-page", "single-page-application"]
EtagOf: TypeAlias = Callable[[str], str | None]
"""The hash of the file at a decoded path, or None where there is none."""


class Serve(NamedTuple):
    """The file at `path` answers, with this status."""

    path: str
    etag: str
    status: int = 200


class Move(NamedTuple):
    """The page is to be asked for at `path`."""

    path: str


Intent: TypeAlias = Serve | Move | None
"""What a path stands for; None: nothing."""


class _Try(NamedTuple):
    """A candidate: the file, and the path that it is to be asked for at if that is another one."""

    file: str
    canonical: str | None = None


_PATH: Final = _Try("{path}")
_FILE, _FOLDER = "{stem}.html", "{stem}/index.html"
_BARE, _SLASHED = "{stem}", "{stem}/"

_ENDINGS: Final = ("/index", "/index.html", "/", ".html")
"""What makes the kind of a path; the first that fits counts, and "" is any other."""

_TABLES: Final[Mapping[HtmlHandling, Mapping[str, tuple[_Try, ...]]]] = {
    "auto-trailing-slash": {
        "/index": (_PATH, _Try(_FOLDER, _SLASHED), _Try(_FILE, _BARE)),
        "/index.html": (_Try(_FOLDER, _SLASHED), _Try(_FILE, _BARE)),
        "/": (_Try(_FOLDER), _Try(_FILE, _BARE)),
        ".html": (_Try(_FILE, _BARE), _Try(_FOLDER, _SLASHED)),
        "": (_PATH, _Try("{path}.html"), _Try("{path}/index.html", "{path}/")),
    },
    "force-trailing-slash": {
        "/index": (_PATH, _Try(_FOLDER, _SLASHED), _Try(_FILE, _SLASHED)),
        "/index.html": (_Try(_FOLDER, _SLASHED), _Try(_FILE, _SLASHED)),
        "/": (_Try(_FOLDER), _Try(_FILE)),
        ".html": (_Try(_FILE, _SLASHED), _PATH, _Try(_FOLDER, _SLASHED)),
        "": (_PATH, _Try("{path}.html", "{path}/"), _Try("{path}/index.html", "{path}/")),
    },
    "drop-trailing-slash": {
        "/index": (_PATH, _Try(_FILE, _BARE), _Try(_FOLDER, _BARE)),
        "/index.html": (_Try(_FOLDER, _BARE), _PATH, _Try(_FILE, _BARE)),
        "/": (_Try(_FILE, _BARE), _Try(_FOLDER, _BARE)),
        ".html": (_Try(_FILE, _BARE), _Try(_FOLDER, _BARE)),
        "": (_PATH, _Try("{path}.html"), _Try("{path}/index.html")),
    },
    "none": {"": (_PATH,)},
}


def resolve(path: str, html: HtmlHandling, not_found: NotFoundHandling, etag_of: EtagOf) -> Intent:
    """What the decoded *path* stands for."""
    return _resolve(path, html, not_found, etag_of, moving=True)


def _resolve(path: str, html: HtmlHandling, not_found: NotFoundHandling, etag_of: EtagOf, *, moving: bool) -> Intent:
    for file, canonical in _candidates(path, html):
        if canonical is None:
            if etag := etag_of(file):
                return Serve(file, etag)
        elif moving and _leads_to(canonical, file, html, not_found, etag_of):
            return Move(canonical)
    return _instead(path, not_found, etag_of)


def _candidates(path: str, html: HtmlHandling) -> Iterator[tuple[str, str | None]]:
    if path == "/" and html != "none":
        # The root has no path without the slash to go to.
        yield "/index.html", None
        return
    table = _TABLES[html]
    ending = next((ending for ending in _ENDINGS if ending in table and path.endswith(ending)), "")
    stem = path.removesuffix(ending)
    for candidate in (*table[ending], *(table[""] if ending else ())):
        to = candidate.canonical
        yield candidate.file.format(path=path, stem=stem), to and (to.format(path=path, stem=stem) or "/")


def _leads_to(canonical: str, file: str, html: HtmlHandling, not_found: NotFoundHandling, etag_of: EtagOf) -> bool:
    """Whether asking for *canonical* gives the content of *file*: else a redirect would lead astray, or in circles."""
    if (etag := etag_of(file)) is None or etag_of(canonical) is not None:
        return False
    intent = _resolve(canonical, html, not_found, etag_of, moving=False)
    return isinstance(intent, Serve) and intent.etag == etag


def _instead(path: str, not_found: NotFoundHandling, etag_of: EtagOf) -> Intent:
    if not_found == "single-page-application" and (etag := etag_of("/index.html")):
        return Serve("/index.html", etag)
    while not_found == "404-page" and path:
        path = path.rpartition("/")[0]
        if etag := etag_of(f"{path}/404.html"):
            return Serve(f"{path}/404.html", etag, 404)
    return None

"""A directory of assets, and asking it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from broker.http import Request, Response
from worker_runtime.assets.site import Site

Ask = Callable[..., Response]


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """An empty directory beside which something stands that nobody may read."""
    (tmp_path / "secret.txt").write_text("hush")
    (tmp_path / "public").mkdir()
    return tmp_path / "public"


@pytest.fixture
def put(public: Path) -> Callable[..., None]:
    """Write files, given by their paths in the directory."""

    def write(*paths: str, **named: str) -> None:
        for path, text in [*((path, f"this is {path}") for path in paths), *named.items()]:
            file = public / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    return write


@pytest.fixture
def ask(public: Path) -> Ask:
    """Ask the directory for a path."""

    def fetch(path: str, html="auto-trailing-slash", not_found="none", method="GET", **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(f"https://any.host{path}", method=method, headers=named)
        return Site.open(public, html, not_found).answer(request)

    return fetch

"""A folder with a service, and loading it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from worker_runtime.config import ServiceConfig, load

type_of_load = Callable[..., ServiceConfig]
HEAD = 'name = "worker_b"\nmain = "worker.py"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text("")
    (tmp_path / "public").mkdir()
    return tmp_path


@pytest.fixture
def load_toml(folder: Path) -> type_of_load:
    """Load a wrangler.toml that begins with a good name and main."""

    def load_text(text: str = "", **options) -> ServiceConfig:
        (folder / "wrangler.toml").write_text(HEAD + text)
        return load(folder, **{"process_environment": {}, **options})

    return load_text

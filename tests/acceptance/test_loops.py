"""Workers run on uvloop where it is installed, and without it all the same."""

import os
from pathlib import Path

import pytest

from tests.support.workers import ROOT

SERVICE = """
import asyncio
from workers import WorkerEntrypoint

class Default(WorkerEntrypoint):
    async def loop(self):
        return type(asyncio.get_running_loop()).__module__
"""


@pytest.mark.parametrize(("installed", "expected"), [(True, "uvloop"), (False, "asyncio.unix_events")])
@pytest.mark.redis
async def test_worker_takes_uvloop_only_where_it_is_installed(place, tmp_path: Path, installed, expected):
    folder = tmp_path / "looped"
    folder.mkdir()
    (folder / "service.py").write_text(SERVICE)
    (folder / "wrangler.toml").write_text('name = "looped"\nmain = "service.py"\n')
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "uvloop.py").write_text("raise ImportError('it is not installed')")
    path = str(ROOT) if installed else os.pathsep.join((str(hidden), str(ROOT)))

    place.workers.start(folder, environment={"PYTHONPATH": path}).ready()

    async with place.connect() as services:
        assert await services.looped.loop() == expected

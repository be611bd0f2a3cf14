"""Which files matter, and which folders are watched."""

import json
import sys
from pathlib import Path

import pytest

from broker.errors import ConfigurationError
from worker_runtime.dev.watched import changes, configurations, folders, matters

HERE = Path("/home/venv/shop")


@pytest.mark.parametrize(
    "name",
    ["shop.py", "deep/er/beside.py", "wrangler.toml", "wrangler.jsonc", ".dev.vars", ".dev.vars.prod", "own.toml",
     "migrations/0001_users.sql", "public/_headers", "public/_redirects", "public/.assetsignore"],
)  # fmt: skip
def test_code_configuration_and_secrets_matter(name):
    assert matters(HERE / name, [HERE], [HERE / "own.toml"])


@pytest.mark.parametrize(
    "name",
    ["__pycache__/shop.py", ".venv/lib/a.py", "node_modules/x.py", ".callyard/db.py", "shop.pyc", "data.json", "a.txt",
     "other.toml", ".git/hooks/x.py", "public/index.html"],
)  # fmt: skip
def test_what_is_generated_or_read_at_run_time_does_not_matter(name):
    assert not matters(HERE / name, [HERE], [HERE / "own.toml"])


def test_folders_of_configurations_and_modules_are_watched_once(tmp_path, monkeypatch):
    for name, main in (("one", "src/one.py"), ("two", "../shared/two.py"), ("broken", "gone.py")):
        (tmp_path / name / "src").mkdir(parents=True)
        (tmp_path / name / "wrangler.json").write_text(json.dumps({"name": name, "main": main}))
    (tmp_path / "one/src/one.py").touch()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/two.py").touch()
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    targets = [tmp_path / "one", tmp_path / "two/wrangler.json", tmp_path / "broken", "module:Class"]

    found = folders([str(target) for target in targets], None)

    assert found == [tmp_path / name for name in ("one", "two", "shared", "broken", "cwd")]
    assert configurations([str(target) for target in targets]) == [tmp_path / "two/wrangler.json"]


def test_assets_are_watched_wherever_they_are(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "public").mkdir()
    (tmp_path / "site/wrangler.json").write_text(json.dumps({"name": "site", "assets": {"directory": "../public"}}))

    assert folders([str(tmp_path / "site")], None) == [tmp_path / "site", tmp_path / "public"]


def test_changes_are_those_that_matter(tmp_path):
    found = changes([tmp_path], [])
    assert next(found) == []
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "shop.py").write_text("1")

    assert next(changed for changed in found if changed) == [tmp_path / "shop.py"]


def test_missing_library_is_named_with_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "watchfiles", None)

    with pytest.raises(ConfigurationError, match="watchfiles") as caught:
        next(changes([tmp_path], []))
    assert "callyard[reload]" in str(caught.value)

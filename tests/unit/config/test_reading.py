from pathlib import Path

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import load

TOML = '"$schema" = "./node_modules/wrangler/config-schema.json"\nname = "worker_b"\nmain = "./src/workerB.js"\n'
JSONC = """{
  // the seed's own first key
  "$schema": "./node_modules/wrangler/config-schema.json",
  "name": "worker_b", /* a comment
  over two lines */
  "main": "./src/workerB.js",
  "vars": {"URL": "http://x//y", "LIST": [1, 2,], "TEXT": "a,] /* no comment */"},
}
"""


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "workerB.py").write_text("")
    return tmp_path


def test_the_seeds_toml_loads_from_its_folder(seed):
    (seed / "wrangler.toml").write_text(TOML)
    config = load(seed, process_environment={})
    assert config.name == "worker_b"
    assert config.main == (seed / "src" / "workerB.py").resolve()
    assert config.file == seed / "wrangler.toml"
    assert config.directory == seed
    assert config.notes == ()


@pytest.mark.parametrize("name", ["wrangler.jsonc", "wrangler.json"])
def test_json_may_have_comments_and_trailing_commas(seed, name):
    (seed / name).write_text(JSONC)
    config = load(seed, process_environment={})
    assert config.name == "worker_b"
    assert config.variables == {"URL": "http://x//y", "LIST": [1, 2], "TEXT": "a,] /* no comment */"}


def test_a_file_may_be_named_itself(seed):
    (seed / "other.toml").write_text(TOML)
    assert load(seed / "other.toml", process_environment={}).name == "worker_b"


def test_a_byte_order_mark_is_no_mistake(seed):
    (seed / "wrangler.toml").write_text(TOML, encoding="utf-8-sig")
    assert load(seed, process_environment={}).name == "worker_b"


def test_several_configurations_in_a_folder_are_named(seed):
    (seed / "wrangler.toml").write_text(TOML)
    (seed / "wrangler.json").write_text(JSONC)
    with pytest.raises(
        ConfigurationError, match=r"several configurations: wrangler\.toml and wrangler\.json\. Keep one"
    ):
        load(seed, process_environment={})


def test_a_folder_without_a_configuration_says_what_to_create(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no configuration here\. Create a wrangler\.toml"):
        load(tmp_path, process_environment={})


def test_a_path_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no such file or folder"):
        load(tmp_path / "absent.toml", process_environment={})


def test_a_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "wrangler.yaml").write_text("name: x")
    with pytest.raises(ConfigurationError, match=r"ends in \.toml, \.jsonc or \.json"):
        load(tmp_path / "wrangler.yaml", process_environment={})


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("wrangler.toml", 'name = "a"\nmain = = 1\n', ":2:8: not valid TOML"),
        ("wrangler.toml", 'name = "a', ":1:10: not valid TOML"),
        ("wrangler.toml", 'name = "a"\nname = "b"\n', ":2:11: not valid TOML"),
        ("wrangler.toml", "vars = " + "[" * 5000, ": not valid TOML"),
        ("wrangler.jsonc", '{\n // one\n "name": "a"\n /* two\n */ "main": 1}', ":5:5: not valid JSON with comments"),
        ("wrangler.jsonc", "{'name': 'a'}", ":1:2: not valid JSON with comments"),
        ("wrangler.jsonc", '{"name": "a"} /* never closed', ":1:15: not valid JSON with comments"),
        ("wrangler.jsonc", '{"vars": [1,,]}', ":1:13: not valid JSON with comments"),
        ("wrangler.jsonc", "{,}", ":1:2: not valid JSON with comments"),
        ("wrangler.jsonc", '{"vars": NaN}', ": not valid JSON with comments: NaN"),
        ("wrangler.jsonc", '{"name": "a", "name": "b"}', 'the key "name" appears twice'),
        ("wrangler.jsonc", "[" * 200_000, ": not valid JSON with comments"),
        ("wrangler.jsonc", "9" * 5000, ": not valid JSON with comments"),
        ("wrangler.jsonc", "[]", "the file should hold one object"),
    ],
)
def test_a_syntax_error_names_file_line_and_column(tmp_path, name, text, place):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, process_environment={})
    assert str(caught.value).startswith(str(tmp_path / name))
    assert place in str(caught.value)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "wrangler.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigurationError, match=r"byte 8 is not UTF-8\. Save"):
        load(tmp_path, process_environment={})

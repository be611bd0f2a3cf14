"""The rules of the house, where a machine can check them."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("broker", "client", "worker_runtime", "workers")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE = 500
LONGEST_FUNCTION = 60
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "managers", "misc"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """The top-level packages that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def importers(*libraries: str) -> list[str]:
    return [name_of(path) for path in MODULES if not set(libraries).isdisjoint(imports(path))]


def test_all_four_packages_are_there():
    assert {name_of(path).partition("/")[0] for path in MODULES} == set(PACKAGES)


def test_imports_run_one_way():
    # In a process of its own: it reconfigures logging.
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_only_the_link_imports_redis():
    assert [name for name in importers("redis", "hiredis") if not name.startswith("broker/link/")] == []


def test_only_the_codec_imports_msgpack():
    assert importers("msgpack") == ["broker/codec.py"]


def test_nothing_imports_pickle_or_marshal():
    assert importers("pickle", "marshal", "shelve", "dill", "cloudpickle") == []


@pytest.mark.parametrize("package", ["workers", "broker", "broker.envelope", "broker.codec"])
def test_importing_leaves_redis_unloaded(package):
    program = f"import sys, {package}; print(*{{'redis', 'hiredis', 'fakeredis'}} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")


def test_no_file_is_longer_than_the_budget():
    lines = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}

    assert {name: count for name, count in lines.items() if count > LONGEST_FILE} == {}


def test_no_function_is_longer_than_the_budget():
    lengths = {
        f"{name_of(path)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_modules_are_named_for_what_they_hold():
    names = {part.removesuffix(".py") for path in MODULES for part in path.relative_to(ROOT).parts}

    assert names & EMPTY_NAMES == set()


def test_every_script_says_keys_arguments_and_result():
    scripts = sorted((ROOT / "broker" / "scripts").glob("*.lua"))
    headers = {path.name: path.read_text().split("\n\n")[0] for path in scripts}

    silent = [name for name, text in headers.items() if not all(word in text for word in ("KEYS", "ARGV"))]

    assert scripts
    assert silent == []

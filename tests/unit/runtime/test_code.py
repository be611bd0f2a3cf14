"""Which code a service runs, as the registry is told."""

from pathlib import Path

from worker_runtime.services.code import digest_of, version_of
from worker_runtime.services.service import load_service

MAIN = "from workers import WorkerEntrypoint\nimport beside_{n}\nclass Default(WorkerEntrypoint): ...\n"


def service(folder: Path, n: int, beside: str) -> str:
    folder.mkdir()
    (folder / "main.py").write_text(MAIN.format(n=n))
    (folder / f"beside_{n}.py").write_text(beside)
    return load_service("svc", Path("main.py"), folder).digest


def test_the_digest_is_that_of_the_code_and_not_of_where_it_lies(tmp_path):
    first = service(tmp_path / "a", 1, "x = 1")

    assert first == service(tmp_path / "b", 1, "x = 1")
    assert len(first) == 16


def test_the_digest_covers_the_modules_beside(tmp_path):
    assert service(tmp_path / "a", 2, "x = 1") != service(tmp_path / "b", 2, "x = 2")


def test_the_digest_of_no_code_is_one_too(tmp_path):
    assert len(digest_of(tmp_path)) == 16


def test_the_version_is_that_of_the_distribution():
    assert version_of("pydantic.main")
    assert version_of("no_such_distribution") == ""


def test_the_setting_goes_before_the_distribution(tmp_path):
    (tmp_path / "main.py").write_text("from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint): ...\n")
    described = load_service("svc", Path("main.py"), tmp_path).describe("1.2")

    assert described["Default"]["version"] == "1.2"
    assert described["Default"]["digest"]

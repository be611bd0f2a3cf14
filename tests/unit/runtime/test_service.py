"""Loading services from their modules."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from broker.errors import ConfigurationError, MethodNotFound, ReservedMethod, ServiceUnavailable
from worker_runtime.services.service import Service, load_object, load_service

HEAD = "from workers import WorkerEntrypoint, Response\n"


@pytest.fixture(autouse=True)
def _clean_imports() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("_callyard_service_") or name in ("beside", "objects"):
            del sys.modules[name]


def load(folder: Path, text: str, name: str = "worker_b") -> Service:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(HEAD + dedent(text))
    return load_service(name, Path("main.py"), folder)


def call(service: Service, entrypoint: str, method: str, *args: Any) -> Any:
    instance = service.entrypoints[entrypoint](None, None)  # type: ignore[arg-type]
    return service.method(entrypoint, method).bind(instance)(*args)


def mistake(folder: Path, text: str) -> str:
    with pytest.raises(ConfigurationError) as refused:
        load(folder, text)
    return str(refused.value)


def test_the_first_snippet_of_the_seed_loads_as_it_stands(tmp_path: Path) -> None:
    service = load(
        tmp_path,
        """
        class Default(WorkerEntrypoint):
            async def fetch(self, request):
                return Response("Hello from Worker B")

            def add(self, a: int, b: int) -> int:
                return a + b
        """,
    )
    assert list(service.entrypoints) == ["Default"]
    assert call(service, "Default", "add", 1, 2) == 3
    fetched = asyncio.run(service.fetch("Default").bind(service.entrypoints["Default"](None, None))(None))  # type: ignore[arg-type]
    assert fetched.status == 200


def test_named_entrypoints_carry_the_names_of_their_classes(tmp_path: Path) -> None:
    service = load(
        tmp_path,
        """
        class AdminEntrypoint(WorkerEntrypoint):
            async def create_user(self, username): ...

        class UserEntrypoint(WorkerEntrypoint):
            async def get_tasks(self, user_id): ...

        Alias = UserEntrypoint

        class Default(WorkerEntrypoint):
            async def fetch(self, request): ...

        class _Hidden(WorkerEntrypoint): ...

        class NotAnEntrypoint: ...
        """,
    )
    assert sorted(service.entrypoints) == ["AdminEntrypoint", "Default", "UserEntrypoint"]


def test_a_list_of_exports_is_honoured(tmp_path: Path) -> None:
    service = load(
        tmp_path,
        """
        __all__ = ["Default"]
        class Default(WorkerEntrypoint): ...
        class Other(WorkerEntrypoint): ...
        """,
    )
    assert list(service.entrypoints) == ["Default"]


def test_a_list_of_exports_that_names_nothing_is_a_mistake(tmp_path: Path) -> None:
    assert "__all__ names 'Gone'" in mistake(tmp_path, "__all__ = ['Gone']")


def test_an_abstract_base_is_not_an_entrypoint(tmp_path: Path) -> None:
    service = load(
        tmp_path,
        """
        from abc import ABC, abstractmethod
        class Base(WorkerEntrypoint, ABC):
            @abstractmethod
            def area(self): ...
        class Default(Base):
            def area(self): return 1
        """,
    )
    assert list(service.entrypoints) == ["Default"]


def test_modules_beside_the_main_module_can_be_imported_and_are_not_shared_between_services(tmp_path: Path) -> None:
    services: list[Service] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "beside.py").write_text(f"NAME = {name!r}")
        services.append(
            load(
                tmp_path / name,
                """
                from beside import NAME
                class Default(WorkerEntrypoint):
                    def name(self): return NAME
                """,
                name=name,
            )
        )
    assert [call(service, "Default", "name") for service in services] == ["one", "two"]


def test_an_entrypoint_imported_from_another_module_is_offered(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(HEAD + "class Default(WorkerEntrypoint):\n    def n(self): return 7\n")
    assert call(load(tmp_path, "from beside import Default\n"), "Default", "n") == 7


def test_a_missing_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gone\.py: there is no such file") as refused:
        load_service("worker_b", Path("gone.py"), tmp_path)
    assert refused.value.key == "main"


def test_a_module_without_an_entrypoint_is_told_what_to_write(tmp_path: Path) -> None:
    assert "class Default(WorkerEntrypoint)" in mistake(tmp_path, "x = 1")


def test_an_error_during_import_says_file_and_line_in_one_line(tmp_path: Path) -> None:
    said = mistake(tmp_path, "\nimport no_such_module_anywhere\n")
    assert said == f"{tmp_path / 'main.py'}:3: ModuleNotFoundError: No module named 'no_such_module_anywhere'"


def test_a_syntax_error_says_file_and_line(tmp_path: Path) -> None:
    assert mistake(tmp_path, "def broken(:\n").startswith(f"{tmp_path / 'main.py'}:2: SyntaxError: ")


def test_an_error_in_a_module_beside_is_placed_there(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("\n\n1 / 0\n")
    assert mistake(tmp_path, "import beside").startswith(f"{tmp_path / 'beside.py'}:3: ZeroDivisionError")


def test_a_module_that_exits_is_a_mistake_and_does_not_end_the_process(tmp_path: Path) -> None:
    assert "SystemExit: 3" in mistake(tmp_path, "import sys\nsys.exit(3)\n")


def test_a_failed_module_leaves_nothing_behind(tmp_path: Path) -> None:
    before = set(sys.modules)
    mistake(tmp_path, "1 / 0")
    assert not [name for name in set(sys.modules) - before if name.startswith("_callyard_service_worker_b")]


def test_a_constructor_with_another_shape_is_a_mistake(tmp_path: Path) -> None:
    said = mistake(tmp_path, "class Default(WorkerEntrypoint):\n    def __init__(self): ...\n")
    assert "cannot be built with (ctx, env)" in said


def test_a_mistake_in_a_method_shows_when_the_service_is_loaded(tmp_path: Path) -> None:
    assert "cannot be a method" in mistake(tmp_path, "class Default(WorkerEntrypoint):\n    def add(): ...\n")


def test_a_subclass_need_not_call_the_constructor_of_its_base(tmp_path: Path) -> None:
    service = load(
        tmp_path,
        """
        class Default(WorkerEntrypoint):
            def __init__(self, ctx, env): self.extra = 1
            def look(self): return self.env
        """,
    )
    instance = service.entrypoints["Default"](None, "the env")  # type: ignore[arg-type]
    assert service.method("Default", "look").bind(instance)() == "the env"


@pytest.fixture
def small(tmp_path: Path) -> Service:
    return load(tmp_path, "class Default(WorkerEntrypoint):\n    'Small.'\n    def add(self, a: int): return a\n")


def test_an_unknown_entrypoint_lists_those_that_exist(small: Service) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        small.method("Admin", "add")
    assert str(refused.value) == 'The service "worker_b" has no entrypoint "Admin"; it has: Default.'


def test_unknown_reserved_and_missing_handlers_are_refused_by_the_service(small: Service) -> None:
    with pytest.raises(MethodNotFound):
        small.method("Default", "gone")
    with pytest.raises(ReservedMethod):
        small.method("Default", "fetch")
    with pytest.raises(MethodNotFound, match="Handler does not export"):
        small.fetch("Default")


def test_the_description_of_a_service_is_plain(small: Service) -> None:
    described = json.loads(json.dumps(small.describe()))
    assert described["Default"]["doc"] == "Small."
    assert described["Default"]["fetch"] is False
    assert described["Default"]["members"]["add"]["signature"] == "add(a: int)"


def test_a_class_can_be_served_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "objects.py").write_text(HEAD + "class WorkerB(WorkerEntrypoint):\n    def n(self): return 7\n")
    monkeypatch.chdir(tmp_path)
    service = load_object("objects:WorkerB")
    assert service.name == "worker_b"
    assert call(service, "Default", "n") == 7
    assert load_object("objects:WorkerB", "other").name == "other"


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("objects", "does not name a class"),
        ("json:JSONEncoder", "JSONEncoder is not a WorkerEntrypoint"),
        ("json:Gone", "Gone is not a WorkerEntrypoint"),
        ("no_such_module_anywhere:A", "No module named"),
    ],
)
def test_what_cannot_be_served_by_name_is_a_mistake(target: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_object(target)


def test_importing_workers_needs_neither_redis_nor_msgpack_nor_pydantic() -> None:
    program = "import sys, workers; sys.exit(bool({'redis', 'hiredis', 'msgpack', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False).returncode == 0

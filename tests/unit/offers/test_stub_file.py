"""Stub files: readable, formatted, right for type checkers, and never what a hostile registry would like them to be."""

import ast
import datetime as dt
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from broker.http import Response
from client.offers.faces import face_of
from client.offers.fitting import broken_by
from client.offers.reading import text
from client.offers.recorded import read_recorded
from client.offers.stub_file import docstring, stub_file
from tests.unit.offers.everything import EVERYTHING
from tests.unit.offers.talk import TALK
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service

BIN = Path(sys.executable).parent


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    date: dt.date | None = None


class User(BaseModel):
    name: str
    address: Address | None = None
    friends: list["User"] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Default(WorkerEntrypoint):
    __doc__ = 'A "shop" with \\ and """quotes""".'

    async def fetch(self, request): ...

    def add(self, a: int, b: int = 0) -> int:
        """Adds.

        Both are whole numbers.
        """

    def find(self, name: str, *, colour: Colour | None = None) -> User | None: ...

    def save(
        self, user: User, where: Point, /, when: dt.datetime, data: bytes = b"", *rest: int, deep: dict[int, bool],
        **named: str,
    ) -> list[User]: ...  # fmt: skip

    async def numbers(self, n: int) -> AsyncIterator[int]:
        yield n

    def date(self) -> dt.date: ...

    def list(self) -> "list[str]": ...

    def untyped(self, a, b=1): ...

    def choose(self, kind: Literal["a" * 30, "b" * 30, "c" * 30] | None = None) -> Decimal | UUID | dt.timedelta: ...

    def answer(self) -> Response: ...

    @property
    def version(self) -> str:
        """Which one."""


class Admin(WorkerEntrypoint):
    def pair(self) -> tuple[int, str]: ...

    def many(self) -> tuple[int, ...]: ...


class Empty(WorkerEntrypoint): ...


OFFERS: dict[str, Any] = Service("shop", {"Default": Default, "Admin": Admin, "Empty": Empty}).describe()

EXPECTED = '''\
"""The service shop, as its live workers offer it.

Made by `python -m client types shop`; with `--check` it says whether the service still fits.
"""

from builtins import list as _list
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import date as _date
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NotRequired, Protocol, TypedDict, Union
from uuid import UUID

from typing_extensions import ReadOnly
from workers import Request, Response

class Address(TypedDict):
    """Where somebody lives."""

    street: str
    date: _date | None

class User(TypedDict):
    name: str
    address: Address | None
    friends: _list[User]

class AddressInput(TypedDict):
    """Where somebody lives."""

    street: ReadOnly[str]
    date: ReadOnly[NotRequired[_date | None]]

class UserInput(TypedDict):
    name: ReadOnly[str]
    address: ReadOnly[NotRequired[AddressInput | None]]
    friends: ReadOnly[NotRequired[Sequence[UserInput]]]

class Point(TypedDict):
    x: int
    y: NotRequired[int]

class Default(Protocol):
    """A "shop" with \\\\ and \'\'\'quotes\'\'\'."""

    async def fetch(self, resource: Request | str, **init: Any) -> Response: ...
    async def add(self, a: int, b: int = ...) -> int:
        """Adds.

        Both are whole numbers.
        """

    async def answer(self) -> Response: ...
    async def choose(
        self,
        kind: Union[
            Literal[
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                "cccccccccccccccccccccccccccccc",
            ],
            None,
        ] = ...,
    ) -> Decimal | UUID | timedelta: ...
    async def date(self) -> _date: ...
    async def find(
        self,
        name: str,
        *,
        colour: Literal["red", "green"] | None = ...,
    ) -> User | None: ...
    async def list(self) -> _list[str]: ...
    def numbers(self, n: int) -> AsyncIterator[int]: ...
    async def save(
        self,
        user: UserInput,
        where: Point,
        /,
        when: datetime,
        data: bytes = ...,
        *rest: int,
        deep: dict[int, bool],
        **named: str,
    ) -> _list[User]: ...
    async def untyped(self, a: Any, b: Any = ...) -> Any: ...
    @property
    def version(self) -> Awaitable[str]:
        """Which one."""

class Admin(Protocol):
    async def many(self) -> tuple[int, ...]: ...
    async def pair(self) -> tuple[int, str]: ...

class Empty(Protocol): ...
'''


def test_the_stub_file_of_a_service_is_what_a_person_would_write():
    assert stub_file("shop", face_of(OFFERS)) == EXPECTED


SERVICES = {"shop": OFFERS, "talk": TALK, "everything": EVERYTHING}
VARIANTS = [(blocking, module) for blocking in (False, True) for module in (False, True)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    for service, offered in SERVICES.items():
        for blocking, module in VARIANTS:
            name = f"{service}{'_blocking' * blocking}{'_module.py' if module else '.pyi'}"
            (folder / name).write_text(stub_file(service, face_of(offered), blocking=blocking, module=module))
    return folder


@pytest.mark.parametrize("width", [88, 120])
def test_formatters_change_nothing(written, width):
    done = subprocess.run(
        [BIN / "ruff", "format", "--isolated", f"--line-length={width}", "--diff", written], capture_output=True,
        text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout) == (0, "")


def test_mypy_finds_nothing_wrong(written, root):
    done = subprocess.run(
        [BIN / "mypy", "--strict", "--cache-dir", written / "cache", *sorted(written.glob("*.py*"))],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip

    assert done.stdout == "Success: no issues found in 12 source files\n"


def test_pyright_finds_nothing_wrong(written, root):
    done = subprocess.run(
        [BIN / "pyright", "--pythonpath", sys.executable, *sorted(written.glob("*.py*"))],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip

    assert done.stdout == "0 errors, 0 warnings, 0 informations\n"


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("service", SERVICES)
def test_a_module_can_be_imported(service, blocking):
    face = face_of(SERVICES[service])
    space: dict[str, Any] = {"__name__": service}
    exec(stub_file(service, face, blocking=blocking, module=True), space)

    assert set(space) >= {"Default", *face.records, *face.targets}


@pytest.mark.parametrize("module", [False, True])
def test_what_was_written_reads_back_as_the_same_face(module):
    face = face_of(OFFERS)
    read = read_recorded(stub_file("shop", face, module=module), "shop.pyi")

    assert {name: dict(record.fields) for name, record in read.records.items()} == {
        name: dict(record.fields) for name, record in face.records.items()
    }
    for name, entrypoint in face.entrypoints.items():
        assert read.entrypoints[name].fetch == entrypoint.fetch
        for member in entrypoint.members.values():
            found = read.entrypoints[name].members[member.name]
            assert (found.kind, found.parameters, found.result) == (member.kind, member.parameters, member.result)


# Hostile registries

NASTY = [
    '"""', "'''", '\\"""', "\\", '"', '""', 'x"', "\n", "\r", "\x00", "\x1b[2J", "\u2028", "\u202e", "import os", "a b",
    "__import__('os').system('true')", "class", "lambda", "self", "__init__", "a-b", "a\nimport os\n", "x]", "é", "ﬁ",
    "Any", "int", "", "list", "Default", "#/$defs/x", "a" * 200, "x = 1\n", '"""\nimport os\n"""', "{}", "%s", "$ref",
]  # fmt: skip
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=8), st.from_regex(r"[A-Za-z]\w{0,5}", fullmatch=True))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts, st.binary(max_size=3))
schemas = st.recursive(
    st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(st.sampled_from(["string", "integer", "array", "object", "null", "number"]), scalars),
            "format": st.one_of(st.sampled_from(["date", "uuid", "binary"]), scalars),
            "title": texts, "description": texts, "const": scalars, "enum": st.lists(scalars, max_size=3),
            "x-python": st.one_of(st.sampled_from(["tuple", "Response", "Decimal", "RpcStub", "stream"]), scalars),
            "x-target": st.one_of(st.sampled_from(["Seat", "Default", "int"]), texts), "x-entrypoint": texts,
            "$ref": st.one_of(st.sampled_from(["#/$defs/a", "#/$defs/b"]), texts),
            "required": st.lists(texts, max_size=2),
        },
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["array", "object"]), "title": texts, "items": inner,
            "x-python": st.sampled_from(["function", "stream"]), "returns": inner, "takes": st.lists(inner, max_size=2),
            "anyOf": st.lists(inner, max_size=2), "prefixItems": st.lists(inner, max_size=2),
            "properties": st.dictionaries(texts, inner, max_size=3), "additionalProperties": inner,
            "$defs": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2), "x-python-keys": inner,
        },
    ),
    max_leaves=5,
)  # fmt: skip
KINDS = ["positional", "any", "rest", "keyword", "named"]
members = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["method", "property", 7]), "doc": texts, "signature": texts, "stream": scalars,
        "returns": st.one_of(schemas, scalars), "parameters": st.one_of(schemas, scalars), "rest": schemas,
        "takes": st.lists(
            st.fixed_dictionaries(
                {"name": st.one_of(texts, scalars)},
                optional={"kind": st.sampled_from([*KINDS, 1]), "optional": scalars},
            ),
            max_size=3,
        ),
    },
)  # fmt: skip
targets = st.one_of(
    scalars,
    st.dictionaries(
        st.one_of(st.sampled_from(["Seat", "Default", "int", "Handle"]), texts),
        st.one_of(
            scalars,
            st.fixed_dictionaries({"members": st.dictionaries(texts, members, max_size=2)}, optional={"doc": texts}),
        ),
        max_size=2,
    ),
)
offers = st.dictionaries(
    texts,
    st.one_of(
        st.fixed_dictionaries(
            {"members": st.dictionaries(texts, members, max_size=3)},
            optional={"doc": texts, "fetch": scalars, "targets": targets},
        ),
        scalars,
    ),
    max_size=3,
)


@given(offers, st.booleans(), st.booleans())
def test_whatever_the_registry_says_the_file_only_declares(offered, blocking, module):
    written = stub_file("shop", face_of(offered), blocking=blocking, module=module)

    tree = ast.parse(written)
    # Whatever a text of the service says stands in strings; the names that are called and imported are ours.
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert called <= {"TypedDict", "_TypedDict"}
    assert imported <= {
        "__future__", "builtins", "client", "collections.abc", "datetime", "decimal", "typing", "typing_extensions",
        "uuid",
        "workers",
    }  # fmt: skip
    assert not any(isinstance(node, ast.Import | ast.Lambda | ast.Attribute) for node in ast.walk(tree))
    # And what was recorded just now fits.
    assert broken_by(read_recorded(written, "shop.pyi"), face_of(offered)) == []


@given(st.text() | st.lists(st.sampled_from(NASTY)).map("".join))
def test_a_docstring_holds_its_text_and_nothing_follows_it(doc):
    lines = docstring(text(doc), "    ")
    source = "\n".join(["class A:", *lines, "    x = 1"])

    body = ast.parse(source).body
    assert len(body) == 1
    assert isinstance(body[0], ast.ClassDef)
    assert len(body[0].body) == (2 if lines else 1)


def test_names_that_mean_something_else_are_no_trouble(tmp_path, root):
    anything = {"kind": "method", "takes": []}
    names = ["Any", "Protocol", "TypedDict", "property", "int", "bool", "Awaitable", "Union", "str", "Literal"]
    record = {"type": "object", "title": "User", "properties": {name: {"type": "integer"} for name in names}}
    members = {
        **{name: {**anything, "returns": {"type": "integer"}} for name in names},
        "prop": {"kind": "property", "returns": {"type": "boolean"}}, "User": {"returns": record},
        "kind": {"returns": {"enum": ["a"]}},
    }  # fmt: skip
    offered = {name: {"members": members, "fetch": True} for name in ("Default", *names, "date")}
    for blocking, module in VARIANTS:
        file = tmp_path / f"names{'_blocking' * blocking}{'_module.py' if module else '.pyi'}"
        file.write_text(stub_file("shop", face_of(offered), blocking=blocking, module=module))
        assert broken_by(read_recorded(file.read_text(), "x"), face_of(offered)) == []

    checked = subprocess.run(
        [BIN / "mypy", "--strict", "--cache-dir", tmp_path / "cache", *sorted(tmp_path.glob("*.py*"))],
        capture_output=True, text=True, cwd=root, check=False,
    )  # fmt: skip
    assert checked.stdout == "Success: no issues found in 4 source files\n"


def test_hostile_offers_come_out_formatted_and_checked(tmp_path, root):
    doc = '"""\nimport os\nos.system("rm")\n"""' + "\\"
    hostile = {
        "type": "object", "title": "int]\nimport os", "description": doc,
        "properties": {"a-b": {"type": "string"}, "class": {"const": 'x"]\nimport os'}, "date": {"format": "date"}},
    }  # fmt: skip
    offered = {
        "Default": {
            "doc": doc,
            "members": {
                "list": {"returns": {"$defs": {"a": hostile}, "$ref": "#/$defs/a"}, "doc": doc},
                "date": {"takes": [{"name": "x: int = evil()", "kind": "any"}]},
                "x(): pass\nimport os": {},
                "twice": {"takes": [{"name": "a", "kind": "any"}, {"name": "a", "kind": "any"}]},
            },
        },
        "Evil(object): pass\nimport os\nclass A": {},
    }  # fmt: skip
    file = tmp_path / "hostile.pyi"
    file.write_text(stub_file("shop", face_of(offered)))

    formatted = subprocess.run(
        [BIN / "ruff", "format", "--isolated", "--check", file], capture_output=True, check=False
    )
    checked = subprocess.run(
        [BIN / "mypy", "--strict", "--cache-dir", tmp_path / "cache", file], capture_output=True, text=True, cwd=root,
        check=False,
    )  # fmt: skip
    assert formatted.returncode == 0
    assert checked.stdout == "Success: no issues found in 1 source file\n"
    assert "async def twice(self, *args: Any, **kwargs: Any) -> Any: ..." in file.read_text()
    assert "Evil" not in file.read_text()

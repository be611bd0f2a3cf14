"""Results are rebuilt into the types of the class that the caller gave."""

import datetime as dt
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, Self, TypedDict

import pytest
from pydantic import BaseModel, field_validator
from typing_extensions import TypedDict as ExtendedTypedDict

from client import InvalidResult, RpcStub, RpcTarget, options
from client.stubs.typed import Rebuilder, rebuilder_of, typed
from tests.unit.offers import everything
from workers import WorkerEntrypoint

if TYPE_CHECKING:
    from decimal import Context as Unknown


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    colour: Colour = Colour.RED


class User(BaseModel):
    name: str
    born: dt.date | None = None


class Row(TypedDict):
    number: int


class Counter(Protocol):
    async def more(self) -> int: ...


class Node(ExtendedTypedDict):
    counter: Counter
    rows: NotRequired[list[Row]]
    inner: NotRequired["Node | None"]


class Face(Protocol):
    size: Awaitable[Point]

    async def point(self) -> Point: ...
    async def users(self) -> "list[User]": ...
    def later(self) -> Coroutine[Any, Any, Colour]: ...
    async def anything(self) -> Any: ...
    async def row(self) -> Row: ...
    async def rows(self) -> list[Row] | None: ...
    async def unsaid(self): ...
    async def nothing(self) -> None: ...
    async def unknown(self) -> "Unknown": ...
    async def counter(self) -> Counter: ...
    async def node(self) -> Node: ...
    async def same(self) -> "Self": ...
    def steps(self) -> AsyncIterator[Point]: ...
    @property
    def corner(self) -> Awaitable[Point]: ...


class Service(WorkerEntrypoint):
    def point(self) -> Point:
        return Point(1)

    @property
    def corner(self) -> Point:
        return Point(1)


def rebuilt(name: str, value: Any, like: type = Face) -> Any:
    return Rebuilder(like).rebuild((name,), value)


@pytest.mark.parametrize("like", [Face, Service])
@pytest.mark.parametrize("name", ["point", "corner"])
def test_what_travelled_as_plain_data_is_what_it_was(like, name):
    assert rebuilt(name, {"x": 1, "colour": "red"}, like) == Point(1, Colour.RED)


def test_results_in_containers_and_behind_awaitables_are_rebuilt():
    assert rebuilt("users", [{"name": "Ann", "born": dt.date(2024, 1, 1)}]) == [
        User(name="Ann", born=dt.date(2024, 1, 1))
    ]
    assert rebuilt("later", "red") is Colour.RED
    assert rebuilt("size", {"x": 1}) == Point(1)


@pytest.mark.parametrize("name", ["anything", "unsaid", "nothing", "counter", "missing"])
def test_what_has_no_type_to_rebuild_stays_as_it_came(name):
    value = object()

    assert rebuilt(name, value) is value


def test_dicts_with_known_keys_are_what_travelled(caplog):
    assert rebuilt("row", {"number": 1}) == {"number": 1}
    assert rebuilt("rows", [{"number": 1}]) == [{"number": 1}]
    assert caplog.records == []


async def test_stubs_in_dicts_with_known_keys_get_their_types_and_all_else_stays():
    own = Rebuilder(Face)
    outer, inner = RpcStub(RpcTarget()), RpcStub(RpcTarget())
    came = {"counter": outer, "rows": [{"number": 1}], "inner": {"counter": inner}, "unknown": 1}

    node = own.rebuild(("node",), came)

    assert node == came
    assert rebuilder_of(node["counter"]).like is Counter
    # Of one that contains itself the inner ones stay as they come.
    assert rebuilder_of(node["inner"]["counter"]) is None
    assert rebuilder_of(own.rebuild(("same",), inner)).like is Face
    with pytest.raises(InvalidResult, match=r"Face\.node: .* should be a Counter or a stub of one at \['counter'\]"):
        own.rebuild(("node",), {"counter": 1})


async def test_further_handles_of_a_typed_stub_are_typed_too():
    stub = typed(RpcStub(RpcTarget()), Counter)

    assert rebuilder_of(stub.dup()).like is rebuilder_of(options(stub, timeout=1)).like is Counter


def test_a_path_into_a_property_stays_as_it_came():
    assert Rebuilder(Face).rebuild(("corner", "x"), "1") == "1"


def test_an_annotation_that_is_known_to_type_checkers_only_is_told_once(caplog):
    rebuilder = Rebuilder(Face)
    with caplog.at_level(logging.WARNING, "callyard.client"):
        assert [rebuilder.rebuild(("unknown",), 1), rebuilder.rebuild(("unknown",), 2)] == [1, 2]

    assert len(caplog.records) == 1


def test_a_result_that_is_not_what_the_caller_was_told_says_what_was_expected_and_where():
    with pytest.raises(InvalidResult) as raised:
        rebuilt("users", [{"name": "Ann"}, {"born": "never"}])

    assert str(raised.value) == (
        "Face.users: the result is not what the caller's types say: Field required at [1]['name']."
    )
    assert raised.value.executed == "yes"


def test_a_validator_of_the_caller_that_quotes_the_value_is_not_quoted():
    class Careful(BaseModel):
        token: str

        @field_validator("token")
        @classmethod
        def refuse(cls, token: str) -> str:
            raise ValueError(f"{token} is no token")

    class Keys(Protocol):
        async def key(self) -> Careful: ...

    with pytest.raises(InvalidResult) as raised:
        Rebuilder(Keys).rebuild(("key",), {"token": "hush-hush"})

    assert "hush-hush" not in str(raised.value)
    assert "Value is not valid at ['token'], got str" in str(raised.value)


EVERYTHING = {
    "user": ({"id": 1, "name": "a"}, everything.User(id=everything.UserId(1), name="a")),
    "pages": ({"items": [{"items": [1]}]}, everything.Page(items=[everything.Page[int](items=[1])])),
    "json": ({"a": [1]}, {"a": [1]}),
    "mixed": (1, everything.Mixed.ONE),
    "pair": ((1, "a"), everything.Pair(1, "a")),
    "opts": ({"level": 1}, {"level": 1}),
    "names": (["a"], everything.Names(["a"])),
    "pet": ({"type": "cat"}, everything.Cat(type="cat")),
    "pets": ([{"type": "dog"}], [everything.Dog(type="dog")]),
    "pay": ({"amount": Decimal(1)}, everything.Money(amount=Decimal(1))),
    "maybe": ({"amount": Decimal(1)}, everything.Money(amount=Decimal(1))),
    "mapping": ({"a": {"amount": Decimal(2)}}, {everything.Kind.A: everything.Money(amount=Decimal(2))}),
    "lit": ("a", everything.Kind.A),
    "tup": ((1, "a", "b"), (1, "a", "b")),
    "part": ("x", "x"),
    "over": (1, 1),
    "unknown": (object, object),
}


@pytest.mark.parametrize(("name", "travelled", "meant"), [(n, *pair) for n, pair in EVERYTHING.items()], ids=EVERYTHING)
def test_results_of_all_kinds_of_types_are_rebuilt(name, travelled, meant):
    found = rebuilt(name, travelled, everything.Default)

    assert found == meant
    assert type(found) is type(meant) or name == "pages"


def test_only_a_class_can_say_types():
    with pytest.raises(TypeError, match="like= takes a class"):
        Rebuilder(lambda: None)  # type: ignore[arg-type]


def test_properties_are_known():
    rebuilder = Rebuilder(Face)

    assert [rebuilder.is_property(name) for name in ("corner", "size", "point", "missing")] == [
        True,
        True,
        False,
        False,
    ]


def test_callers_without_types_load_no_pydantic(root):
    program = "import sys, client; sys.exit('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_a_result_with_a_million_mistakes_does_not_hold_up_its_caller():
    class Like(WorkerEntrypoint):
        async def days(self) -> list[dt.date]: ...

    rebuild = Rebuilder(Like, "svc").rebuild
    begun = time.process_time()
    with pytest.raises(InvalidResult, match="there are 300000 mismatches, too many to look at"):
        rebuild(("days",), ["x"] * 300_000)
    assert time.process_time() - begun < 1

"""What becomes of callers when a service changes: it is written down before, and checked after."""

import textwrap
from typing import Any

import pytest

from client.offers.faces import face_of
from client.offers.fitting import broken_by
from client.offers.recorded import read_recorded
from client.offers.stub_file import stub_file
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service

HEAD = """
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal, NewType
from pydantic import BaseModel
from workers import RpcTarget, WorkerEntrypoint
"""
USER = "class User(BaseModel):\n    name: str\n    born: int = 0\n"
COLOUR = "class Colour(Enum):\n    RED = 'red'\n    BLUE = 'blue'\n"
SEAT = "class Seat(RpcTarget):\n    def say(self, text: str) -> int: ...\n    def leave(self) -> None: ...\n"


def face(members: str, before: str = ""):
    """What the registry has of a service with these *members*."""
    body = textwrap.indent(members, "    ") or "    pass"
    space: dict[str, Any] = {"__name__": f"{__name__}.changed"}
    exec(f"{HEAD}\n{before}\nclass Default(WorkerEntrypoint):\n{body}\n", space)
    found = {
        name: each
        for name, each in space.items()
        if isinstance(each, type) and issubclass(each, WorkerEntrypoint) and each is not WorkerEntrypoint
    }
    return face_of(Service("svc", found).describe())


def said(was: str, is_now: str, before: str = "", after: str | None = None, *, blocking: bool = False) -> list[str]:
    recorded = read_recorded(stub_file("svc", face(was, before), blocking=blocking), "svc.pyi")
    return [each.text for each in broken_by(recorded, face(is_now, before if after is None else after))]


F = "def f(self, a: int) -> int: ..."
FITS = {
    "nothing": (F, F),
    "a method is added": (F, f"{F}\ndef g(self) -> int: ..."),
    "a parameter with a default is added": (F, "def f(self, a: int, b: int = 1) -> int: ..."),
    "a keyword with a default is added": (F, "def f(self, a: int, *, b: int = 1) -> int: ..."),
    "a parameter gets a default": (F, "def f(self, a: int = 1) -> int: ..."),
    "a parameter is widened": (F, "def f(self, a: int | str) -> int: ..."),
    "a parameter is checked no longer": (F, "def f(self, a) -> int: ..."),
    "a result is narrowed": ("def f(self) -> int | None: ...", "def f(self) -> int: ..."),
    "an int becomes a float for callers who give ints": (F, "def f(self, a: float) -> int: ..."),
    "a plain method becomes a coroutine": (F, "async def f(self, a: int) -> int: ..."),
    "a text becomes one of a few": ("def f(self) -> str: ...", "def f(self) -> Literal['a', 'b']: ..."),
    "*args and **kwargs are added": (F, "def f(self, a: int, *args: int, **kwargs: int) -> int: ..."),
    "a keyword may be given by position": ("def f(self, *, a: int) -> int: ...", F),
    "a positional parameter is renamed": ("def f(self, a: int, /) -> int: ...", "def f(self, b: int, /) -> int: ..."),
    "a documentation is changed": (F, 'def f(self, a: int) -> int:\n    """Otherwise."""'),
}
BREAKS = {
    "a parameter is added": (
        F, "def f(self, a: int, b: int) -> int: ...", ["Default.f(): parameter 'b' is new and required."],
    ),
    "a keyword is added": (
        F, "def f(self, a: int, *, b: int) -> int: ...", ["Default.f(): parameter 'b' is new and required."],
    ),
    "a parameter is removed": (
        F, "def f(self) -> int: ...", ["Default.f(): parameter 'a' is no longer taken by position."],
    ),
    "a parameter is renamed": (
        F, "def f(self, b: int) -> int: ...", ["Default.f(): parameter 'a' is called 'b' now."],
    ),
    "a parameter becomes positional": (
        F, "def f(self, a: int, /) -> int: ...", ["Default.f(): parameter 'a' is no longer taken by name."],
    ),
    "a parameter becomes a keyword": (
        F, "def f(self, *, a: int) -> int: ...", ["Default.f(): parameter 'a' is no longer taken by position."],
    ),
    "a default is removed": (
        "def f(self, a: int = 1) -> int: ...", F, ["Default.f(): parameter 'a' is required now."],
    ),
    "a parameter is narrowed": (
        "def f(self, a: int | str) -> int: ...", F,
        ["Default.f(): parameter 'a' takes int where callers give int | str."],
    ),
    "a parameter changes its type": (
        F, "def f(self, a: str) -> int: ...", ["Default.f(): parameter 'a' takes str where callers give int."],
    ),
    "*args are removed": (
        "def f(self, *args: int) -> int: ...", "def f(self) -> int: ...", ["Default.f(): parameter '*args' is gone."],
    ),
    "**kwargs are removed": (
        "def f(self, **more: int) -> int: ...", "def f(self) -> int: ...", ["Default.f(): parameter '**more' is gone."],
    ),
    "a result is widened": (
        F, "def f(self, a: int) -> int | None: ...",
        ["Default.f(): it returns int | None where callers rely on int."],
    ),
    "a result changes": (
        F, "def f(self, a: int) -> str: ...", ["Default.f(): it returns str where callers rely on int."],
    ),
    "a method is removed": (f"{F}\ndef g(self): ...", F, ["Default.g(): it is gone."]),
    "a method becomes a property": (
        "def f(self) -> int: ...", "@property\ndef f(self) -> int: ...",
        ["Default.f(): it was a method and is a property."],
    ),
    "a property becomes a method": (
        "@property\ndef f(self) -> int: ...", "def f(self) -> int: ...",
        ["Default.f: it was a property and is a method."],
    ),
    "a property changes its type": (
        "@property\ndef f(self) -> int: ...", "@property\ndef f(self) -> str: ...",
        ["Default.f: it is str where callers rely on int."],
    ),
    "a stream becomes a value": (
        "async def f(self) -> AsyncIterator[int]:\n    yield 1", "async def f(self) -> list[int]: ...",
        ["Default.f(): it was a stream and is a method."],
    ),
    "a value becomes a stream": (
        "async def f(self) -> list[int]: ...", "async def f(self) -> AsyncIterator[int]:\n    yield 1",
        ["Default.f(): it was a method and is a stream."],
    ),
    "items change their type": (
        "async def f(self) -> AsyncIterator[int]:\n    yield 1",
        "async def f(self) -> AsyncIterator[str]:\n    yield ''",
        ["Default.f(): its items are str where callers rely on int."],
    ),
    "a handler is removed": (
        "async def fetch(self, request): ...", "", ["Default.fetch(): there is no handler any more."],
    ),
    "a stream that is taken becomes a list": (
        "def f(self, a: AsyncIterator[int]) -> None: ...", "def f(self, a: list[int]) -> None: ...",
        ["Default.f(): parameter 'a' takes list[int] where callers give AsyncIterable[int]."],
    ),
    "a callback is given more": (
        "def f(self, hear: Callable[[str], None]) -> None: ...",
        "def f(self, hear: Callable[[str, int], None]) -> None: ...",
        [
            (
                "Default.f(): parameter 'hear' takes Callable[[str, int], Awaitable[None] | None] "
                "where callers give Callable[[str], Awaitable[None] | None]."
            )
        ],
    ),
    "a parameter is put before another": (
        "def f(self, a: int, b: str = '') -> int: ...", "def f(self, a: int, lang: str, b: str = '') -> int: ...",
        ["Default.f(): parameter 'b' stands elsewhere now.", "Default.f(): parameter 'lang' is new and required."],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("was", "is_now"), FITS.values(), ids=FITS)
def test_a_service_that_grew_fits(was, is_now):
    assert said(was, is_now) == []
    assert said(was, is_now, blocking=True) == []


@pytest.mark.parametrize(("was", "is_now", "broken"), BREAKS.values(), ids=BREAKS)
def test_a_change_that_breaks_callers_is_told(was, is_now, broken):
    assert said(was, is_now) == broken


GIVES, TAKES = "def f(self) -> User: ...", "def f(self, user: User) -> None: ..."
MODELS = {
    "a field is added to what callers get": (GIVES, USER + "    more: int = 0\n", []),
    "a field is added to what they give": (
        TAKES, USER + "    more: int\n",
        [
            (
                "Default.f(): parameter 'user' takes User (User has name: str, born?: int, more: int) "
                "where callers give User."
            )
        ],
    ),
    "one with a default is": (TAKES, USER + "    more: int = 0\n", []),
    "a field is removed from what callers get": (
        GIVES, "class User(BaseModel):\n    name: str\n",
        ["Default.f(): it returns User (User has name: str) where callers rely on User."],
    ),
    "a field is removed from what they give": (
        TAKES, "class User(BaseModel):\n    name: str\n",
        ["Default.f(): parameter 'user' takes User (User has name: str) where callers give User."],
    ),
    "a field of what callers get may be None": (
        GIVES, "class User(BaseModel):\n    name: str | None\n    born: int = 0\n",
        ["Default.f(): it returns User (User has name: str | None, born: int) where callers rely on User."],
    ),
    "a field of what they give may be left out": (
        TAKES, "class User(BaseModel):\n    name: str = ''\n    born: int = 0\n", [],
    ),
    "a field of what they give has to be there": (
        TAKES, "class User(BaseModel):\n    name: str\n    born: int\n",
        ["Default.f(): parameter 'user' takes User (User has name: str, born: int) where callers give User."],
    ),
    "a field changes its type": (
        GIVES, "class User(BaseModel):\n    name: int\n    born: int = 0\n",
        ["Default.f(): it returns User (User has name: int, born: int) where callers rely on User."],
    ),
    "a model becomes a dataclass": (GIVES, "@dataclass\nclass User:\n    name: str\n    born: int = 0\n", []),
    "a model is renamed": (GIVES, USER.replace("User", "Person") + "User = Person\n", []),
}  # fmt: skip


@pytest.mark.parametrize(("members", "after", "broken"), MODELS.values(), ids=MODELS)
def test_a_change_of_a_model_is_told_with_what_it_has_now(members, after, broken):
    assert said(members, members, USER, after) == broken


def test_a_change_of_a_model_inside_another_is_told_with_what_that_one_has_now():
    team = "class Team(BaseModel):\n    users: list[User]\n    of: 'Team | None' = None\n"
    after = "class User(BaseModel):\n    name: str | None\n    born: int = 0\n"

    assert said("def f(self) -> Team: ...", "def f(self) -> Team: ...", USER + team, after + team) == [
        "Default.f(): it returns Team (User has name: str | None, born: int) where callers rely on Team."
    ]


@pytest.mark.parametrize(
    ("members", "after", "broken"),
    [
        ("def f(self, c: Colour) -> None: ...", COLOUR + "    GREEN = 'green'\n", []),
        (
            "def f(self) -> Colour: ...",
            COLOUR + "    GREEN = 'green'\n",
            [
                'Default.f(): it returns Literal["red", "blue", "green"] where callers rely on Literal["red", "blue"].',
            ],
        ),
        (
            "def f(self, c: Colour) -> None: ...",
            "class Colour(Enum):\n    RED = 'red'\n",
            ['Default.f(): parameter \'c\' takes Literal["red"] where callers give Literal["red", "blue"].'],
        ),
        ("def f(self) -> Colour: ...", "class Colour(Enum):\n    RED = 'red'\n", []),
    ],
)
def test_a_member_that_an_enum_gains_breaks_who_gets_it_and_one_that_it_loses_who_gives_it(members, after, broken):
    assert said(members, members, COLOUR, after) == broken


OBJECTS = {
    "a method is removed": (SEAT.replace("    def leave(self) -> None: ...\n", ""), ["Seat.leave(): it is gone."]),
    "a method is added": (SEAT + "    def sing(self) -> None: ...\n", []),
    "a parameter is added": (
        SEAT.replace("text: str", "text: str, loud: bool"), ["Seat.say(): parameter 'loud' is new and required."],
    ),
    "a result changes": (SEAT.replace("int", "str"), ["Seat.say(): it returns str where callers rely on int."]),
    "the class is renamed": (SEAT.replace("Seat", "Place") + "Seat = Place\n", []),
    "renamed and changed": (
        SEAT.replace("Seat", "Place").replace("leave", "go") + "Seat = Place\n", ["Seat.leave(): it is gone."],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("after", "broken"), OBJECTS.values(), ids=OBJECTS)
@pytest.mark.parametrize("result", ["Seat", "list[Seat] | None", "tuple[int, Seat]"])
def test_a_change_of_an_object_is_told_once_under_its_own_name(result, after, broken):
    members = f"def f(self) -> {result}: ...\ndef g(self, seat: Seat) -> Seat: ..."

    assert said(members, members, SEAT, after) == broken
    assert said(members, members, SEAT, after, blocking=True) == broken


def test_an_object_that_travels_by_value_is_no_longer_one():
    after = "@dataclass\nclass Seat:\n    number: int\n"

    assert said("def f(self) -> Seat: ...", "def f(self) -> Seat: ...", SEAT, after) == [
        "Default.f(): it returns Seat where callers rely on Seat (objects, by reference)."
    ]


def test_an_entrypoint_that_is_gone_is_told():
    admin = "class Admin(WorkerEntrypoint):\n    def f(self) -> int: ...\n"

    assert said(F, F, admin, "") == ["Admin: the entrypoint is gone."]
    assert said(F, F, "", admin) == []


def test_what_broke_is_found_in_the_recorded_file_by_its_line():
    text = stub_file("svc", face(f"def e(self) -> int: ...\n{F}\ndef s(self) -> Seat: ...", SEAT))
    broken = broken_by(read_recorded(text, "svc.pyi"), face("def s(self) -> Seat: ...", SEAT.replace("leave", "go")))

    lines = text.splitlines()
    assert [(lines[line - 1].strip(), said) for line, said in broken] == [
        ("async def e(self) -> int: ...", "Default.e(): it is gone."),
        ("async def f(self, a: int) -> int: ...", "Default.f(): it is gone."),
        ("async def leave(self) -> None: ...", "Seat.leave(): it is gone."),
    ]


def test_a_file_that_was_written_by_hand_needs_no_bases_for_its_objects():
    recorded = read_recorded(
        "class Seat(Protocol):\n    async def say(self, text: str) -> int: ...\n    async def sing(self) -> None: ...\n"
        "class Default(Protocol):\n    async def f(self) -> Seat: ...\n",
        "svc.pyi",
    )

    assert broken_by(recorded, face("def f(self) -> Seat: ...", SEAT)) == [(3, "Seat.sing(): it is gone.")]

"""Whether a service still fits its recorded types: what breaks callers, and what is growth."""

import pytest

from client.offers.fitting import broken_by
from client.offers.recorded import UnreadableTypes, read_recorded

HEAD = """
from typing import Any, Literal, NotRequired, Protocol, TypedDict
"""


def face(members: str, before: str = ""):
    lines = "\n".join(f"    {line}" for line in members.splitlines())
    return read_recorded(f"{HEAD}\n{before}\nclass Default(Protocol):\n{lines}\n", "x.pyi")


def broken(recorded: str, live: str, before: str = "", after: str | None = None) -> list[str]:
    found = broken_by(face(recorded, before), face(live, before if after is None else after))
    return [each.text for each in found]


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: int, b: int = ...) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: int, *, b: int = ...) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: int, *b: int, **c: int) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: int = ...) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: int | str) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: float) -> bool: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, a: Any) -> Any: ..."),
        ("async def f(self, a: Any) -> Any: ...", "async def f(self, a: int) -> int: ..."),
        ("async def f(self, *, a: int) -> int: ...", "async def f(self, a: int) -> int: ..."),
        ("async def f(self, a: int, /) -> int: ...", "async def f(self, b: int) -> int: ..."),
        ("async def f(self, a: int) -> int: ...", "async def f(self, *args: int, **kwargs: int) -> int: ..."),
        ("async def f(self) -> int | None: ...", "async def f(self) -> int: ..."),
        ("async def f(self) -> str: ...", 'async def f(self) -> Literal["a", "b"]: ...'),
        ('async def f(self) -> Literal["a", "b"]: ...', 'async def f(self) -> Literal["a"]: ...'),
        ('async def f(self, a: Literal["a"]) -> None: ...', 'async def f(self, a: Literal["a", "b"]) -> None: ...'),
        ("async def f(self) -> tuple[int, ...]: ...", "async def f(self) -> tuple[int, int]: ..."),
        ("async def f(self) -> list[int | str]: ...", "async def f(self) -> list[int]: ..."),
        ("async def f(self) -> int: ...", "async def f(self) -> int: ...\nasync def g(self) -> int: ..."),
        ("async def f(self) -> 'int': ...", "async def f(self) -> int: ..."),
        ("async def f(self) -> Optional[int]: ...", "async def f(self) -> None | int: ..."),
    ],
)
def test_growth_breaks_nobody(recorded, live):
    assert broken(recorded, live) == []


@pytest.mark.parametrize(
    ("recorded", "live", "said"),
    [
        ("async def f(self) -> int: ...", "async def g(self) -> int: ...", "Default.f(): it is gone."),
        (
            "async def f(self) -> int: ...",
            "async def f(self, a: int) -> int: ...",
            "Default.f(): parameter 'a' is new and required.",
        ),
        (
            "async def f(self) -> int: ...",
            "async def f(self, *, a: int) -> int: ...",
            "Default.f(): parameter 'a' is new and required.",
        ),
        (
            "async def f(self, a: int | str) -> int: ...",
            "async def f(self, a: int) -> int: ...",
            "Default.f(): parameter 'a' takes int where callers give int | str.",
        ),
        (
            "async def f(self) -> int: ...",
            "async def f(self) -> int | None: ...",
            "Default.f(): it returns int | None where callers rely on int.",
        ),
        (
            "async def f(self, a: int = ...) -> int: ...",
            "async def f(self, a: int) -> int: ...",
            "Default.f(): parameter 'a' is required now.",
        ),
        (
            "async def f(self, a: int) -> int: ...",
            "async def f(self) -> int: ...",
            "Default.f(): parameter 'a' is no longer taken by position.",
        ),
        (
            "async def f(self, a: int) -> int: ...",
            "async def f(self, *, a: int) -> int: ...",
            "Default.f(): parameter 'a' is no longer taken by position.",
        ),
        (
            "async def f(self, a: int) -> int: ...",
            "async def f(self, a: int, /) -> int: ...",
            "Default.f(): parameter 'a' is no longer taken by name.",
        ),
        (
            "async def f(self, a: int) -> int: ...",
            "async def f(self, b: int) -> int: ...",
            "Default.f(): parameter 'a' is called 'b' now.",
        ),
        (
            "async def f(self, *, a: int) -> int: ...",
            "async def f(self) -> int: ...",
            "Default.f(): parameter 'a' is gone.",
        ),
        (
            "async def f(self, **a: int) -> int: ...",
            "async def f(self) -> int: ...",
            "Default.f(): parameter '**a' is gone.",
        ),
        (
            'async def f(self) -> Literal["a"]: ...',
            'async def f(self) -> Literal["a", "b"]: ...',
            'Default.f(): it returns Literal["a", "b"] where callers rely on Literal["a"].',
        ),
        (
            "async def f(self) -> int: ...",
            "@property\ndef f(self) -> Awaitable[int]: ...",
            "Default.f(): it was a method and is a property.",
        ),
        (
            "@property\ndef f(self) -> Awaitable[int]: ...",
            "@property\ndef f(self) -> Awaitable[str]: ...",
            "Default.f: it is str where callers rely on int.",
        ),
        (
            "def f(self) -> AsyncIterator[int]: ...",
            "def f(self) -> AsyncIterator[str]: ...",
            "Default.f(): its items are str where callers rely on int.",
        ),
        (
            "async def fetch(self, resource: str) -> Response: ...",
            "async def f(self) -> None: ...",
            "Default.fetch(): there is no handler any more.",
        ),
    ],
)  # fmt: skip
def test_what_breaks_callers_is_told(recorded, live, said):
    assert broken(recorded, live) == [said]


def test_arguments_that_changed_places_are_told_one_by_one():
    said = broken("async def f(self, a: int, b: int) -> None: ...", "async def f(self, b: int, a: int) -> None: ...")

    assert said == [
        "Default.f(): parameter 'a' stands elsewhere now.",
        "Default.f(): parameter 'b' stands elsewhere now.",
    ]


GIVE = "async def f(self, u: User) -> None: ..."
TAKE = "async def f(self) -> User: ..."


@pytest.mark.parametrize(
    ("members", "recorded", "live", "fits"),
    [
        (TAKE, "a: int", "a: int\n    b: int", True),
        (TAKE, "a: int\n    b: int", "a: int", False),
        (TAKE, "a: int", "a: NotRequired[int]", False),
        (TAKE, "a: NotRequired[int]", "a: int", True),
        (TAKE, "a: int", "a: str", False),
        (GIVE, "a: int", "a: int\n    b: NotRequired[int]", True),
        (GIVE, "a: int", "a: int\n    b: int", False),
        (GIVE, "a: int\n    b: int", "a: int", False),
        (GIVE, "a: int", "a: int | str", True),
        (GIVE, "a: ReadOnly[NotRequired[int]]", "a: int", False),
        (TAKE, "a: User | None", "a: User | None\n    b: int", True),
        (TAKE, "a: User | None\n    b: int", "a: User | None\n    b: str", False),
    ],
)
def test_records_are_compared_key_by_key(members, recorded, live, fits):
    def users(keys):
        return f"class User(TypedDict):\n    {keys}\n"

    said = broken(members, members, users(recorded), users(live))

    assert (said == []) is fits


def test_a_record_that_changed_is_shown_with_its_keys():
    before = "class User(TypedDict):\n    a: int\n    b: int\n"
    after = "class User(TypedDict):\n    a: NotRequired[int]\n"

    assert broken(TAKE, TAKE, before, after) == [
        "Default.f(): it returns User (User has a?: int) where callers rely on User."
    ]


def test_an_entrypoint_that_is_gone_is_told():
    recorded = read_recorded("class Admin(Protocol): ...", "x.pyi")

    assert broken_by(recorded, face("...")) == [(1, "Admin: the entrypoint is gone.")]


def test_what_is_no_python_is_no_recorded_types():
    with pytest.raises(UnreadableTypes, match=r"^x\.pyi:2: these are no recorded types"):
        read_recorded("\nclass (", "x.pyi")

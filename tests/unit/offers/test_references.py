"""What travels by reference, in what services offer: named, described, and written down for callers."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from client.command_line.described import as_listing
from client.offers.faces import face_of
from client.offers.fitting import broken_by
from client.offers.openrpc import openrpc_document
from client.offers.recorded import read_recorded
from client.offers.stub_file import stub_file
from tests.unit.offers.everything import EVERYTHING
from tests.unit.offers.talk import TALK
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service

CASES = Path(__file__).parent.parent.parent / "typing" / "cases"
"""Where callers of this service are read by type checkers."""


def test_the_stub_file_has_the_classes_of_objects_with_their_own_methods():
    assert stub_file("talk", face_of(TALK)) == (CASES / "talk.pyi").read_text()


def test_for_blocking_callers_nothing_has_to_be_awaited():
    written = stub_file("talk", face_of(TALK), blocking=True)

    assert written == (CASES / "blocking_talk.pyi").read_text()
    assert "class Seat(BlockingHandle, Protocol):" in written
    assert "    def history(self, since: int = ...) -> Iterator[Line]:" in written
    assert "    def maker(self) -> Callable[[int, LineInput], Line]: ..." in written
    assert "    def upload(self, lines: Generator[LineInput, Any, Any]) -> int: ..." in written
    assert "    def ticks(self) -> Iterator[int]: ..." in written


def test_a_function_that_may_be_awaited_or_not_gives_what_it_gives_in_the_end():
    class Ears(WorkerEntrypoint):
        def hear(self, ear: Callable[[int], Awaitable[str] | None] | None) -> Callable[[], Awaitable[int] | str]: ...

    written = stub_file("ears", face_of(Service("ears", {"Default": Ears}).describe()))

    assert "        ear: Callable[[int], str | Awaitable[str | None] | None] | None," in written
    assert "    ) -> Callable[[], Awaitable[int | str]]: ..." in written


@pytest.mark.parametrize("offers", [TALK, EVERYTHING], ids=["talk", "everything"])
@pytest.mark.parametrize("blocking", [False, True])
def test_what_was_written_fits(offers, blocking):
    face = face_of(offers)
    read = read_recorded(stub_file("talk", face, blocking=blocking), "talk.pyi")

    assert broken_by(read, face) == []
    if not blocking:
        for name, written in face.classes.items():
            assert {m.name: (m.kind, m.parameters, m.result) for m in read.classes[name].members.values()} == {
                m.name: (m.kind, m.parameters, m.result) for m in written.members.values()
            }


def test_a_class_that_two_entrypoints_hand_out_is_one_and_its_namesake_another():
    def offer(method: str) -> dict[str, Any]:
        seat = {"doc": "", "members": {method: {"kind": "method", "takes": []}}}
        return {"members": {"seat": {"takes": [], "returns": {"x-target": "Seat"}}}, "targets": {"Seat": seat}}

    face = face_of({"Default": offer("say"), "Second": offer("say"), "Third": offer("sing")})

    assert {name: list(target.members) for name, target in face.targets.items()} == {
        "Seat": ["say"],
        "Seat2": ["sing"],
    }
    assert face.entrypoints["Second"].members["seat"].result.name == "Seat"
    assert face.entrypoints["Third"].members["seat"].result.name == "Seat2"


def test_the_openrpc_document_has_the_methods_of_objects():
    document = json.loads(json.dumps(openrpc_document("talk", TALK)))
    methods = {method["name"]: method for method in document["methods"]}
    seat = {method["name"]: method for method in document["x-targets"]["Seat"]["methods"]}

    assert methods["find"]["result"]["schema"] == {"anyOf": [{"x-target": "Seat"}, {"type": "null"}]}
    assert document["x-targets"]["Seat"]["description"] == "A seat in a room."
    assert (seat["history"]["x-stream"], seat["others"]["x-kind"]) == (True, "property")
    assert seat["history"]["result"]["schema"]["properties"].keys() == {"who", "text"}
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_listing_shows_objects_below_the_entrypoints():
    lines = as_listing("talk", TALK).splitlines()

    assert lines[lines.index("  Seat  (objects, by reference)") + 1 :] == [
        "    A seat in a room.",
        "    history(since: int = 0) -> AsyncIterator[Line]  (stream)",
        "      What was said so far.",
        "    next() -> Self",
        "    others: list[str]  (property)",
        "      Who else is there.",
        "    room() -> Room",
        "    say(text: str) -> int",
    ]


@pytest.mark.parametrize(
    ("member", "line"),
    [
        ("part", "part(s: str, *, n: int = 2) -> str"),
        ("pet", "pet(p: Cat | Dog) -> Cat | Dog"),
        ("users", "users(ids: Sequence[UserId], *, kind: Kind = Kind.A, level: Level = Level.LOW) -> Page[User]"),
        ("lit", "lit(x: Literal[1, 'a', None, True, Kind.B]) -> Literal[Kind.A]"),
        ("gen", "gen(x: T) -> T"),
        ("pay", "pay(m: Money, when: datetime | None = None, within: timedelta = timedelta(days=1)) -> Money"),
        ("args", "args(a, /, b: int = 1, *rest: Money, c: str, d: float = 1.5, **more: date) -> None"),
    ],
)
def test_signatures_read_as_people_write_them(member, line):
    assert EVERYTHING["Default"]["members"][member]["signature"] == line


def test_static_and_class_methods_are_offered_to_nobody():
    assert not {"static", "klass", "LIMIT"} & EVERYTHING["Default"]["members"].keys()


def test_the_documentation_of_a_partial_method_is_that_of_its_function():
    assert EVERYTHING["Default"]["members"]["part"]["doc"] == ""

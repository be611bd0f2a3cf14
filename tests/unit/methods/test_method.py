"""Prepared methods and the validation of arguments."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, Field, field_validator
from pydantic_core import PydanticCustomError

from broker.errors import ConfigurationError, InvalidArguments, MethodNotFound
from broker.methods.method import Method, prepare, prepare_fetch
from worker_runtime.entrypoint import WorkerEntrypoint

if TYPE_CHECKING:
    from decimal import Context as Unknown


class User(BaseModel):
    full_name: str = Field(alias="fullName")
    age: int


class Secret(BaseModel):
    word: str

    @field_validator("word")
    @classmethod
    def refuse(cls, word: str) -> str:
        raise ValueError(f"{word!r} is too weak")


def custom(card: str) -> str:
    raise PydanticCustomError("card", "Card {number} is none", {"number": card})


def tidied(card: str) -> str:
    raise ValueError(f"card {card.replace(' ', '').upper()} is none")


def helpful(card: str) -> str:
    raise PydanticCustomError("card", "A card has 16 digits")


@dataclass
class Point:
    x: int
    y: int


class Colour(Enum):
    RED = "red"


class Shop(WorkerEntrypoint):
    """A shop."""

    def add(self, a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    def plain(self, a, b):  # type: ignore[no-untyped-def]
        return a, b  # pyright: ignore[reportUnknownVariableType]

    def defaults(self, a: int, b: int = 2, *, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    def nothing(self) -> None: ...

    def positional(self, a: int, b: int = 2, /, *rest: int, **named: int) -> None: ...

    def rich(self, user: User, where: Point, colour: Colour, when: date) -> None: ...

    def weak(self, secret: Secret) -> None: ...

    def custom(self, card: Annotated[str, AfterValidator(custom)]) -> None: ...

    def tidied(self, card: Annotated[str, AfterValidator(tidied)]) -> None: ...

    def helpful(self, card: Annotated[str, AfterValidator(helpful)]) -> None: ...

    def many(self, numbers: dict[str, list[int]]) -> None: ...

    def bounded(self, n: Annotated[int, Field(ge=1)] = Field(default=5)) -> int:
        return n

    def unresolved(self, a: "Unknown", b: int) -> None: ...

    def callback(self, f: Callable[[int], int]) -> None: ...

    def odd(self, stub: "Quack") -> None: ...

    async def coroutine(self) -> None: ...

    async def stream(self):  # type: ignore[no-untyped-def]
        yield 1

    @property
    async def later(self) -> int:
        return 1

    @property
    def prop(self) -> int:
        return 1

    async def fetch(self) -> str:
        return "ok"


class Quack:
    """A type that pydantic knows nothing about."""


def refusal(name: str, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(InvalidArguments) as refused:
        prepare(Shop, name).validate(args, kwargs)
    return str(refused.value)


def test_positional_arguments_stay_positional_and_keywords_stay_keywords() -> None:
    validate = prepare(Shop, "add").validate
    assert validate((1, 2), {}) == ((1, 2), {})
    assert validate([1], {"b": 2}) == ((1,), {"b": 2})
    assert validate((), {"a": 1, "b": 2}) == ((), {"a": 1, "b": 2})


def test_defaults_are_left_to_the_method() -> None:
    assert prepare(Shop, "defaults").validate((1,), {}) == ((1,), {})
    assert prepare(Shop, "positional").validate((1,), {"z": 4}) == ((1,), {"z": 4})
    assert prepare(Shop, "positional").validate((1, 2, 3, 4), {}) == ((1, 2, 3, 4), {})


def test_a_default_inside_a_pydantic_field_is_filled_in() -> None:
    assert prepare(Shop, "bounded").validate((), {}) == ((), {"n": 5})


def test_unannotated_arguments_pass_as_they_are() -> None:
    thing = object()
    (first, second), _ = prepare(Shop, "plain").validate((thing, "1"), {})
    assert first is thing
    assert second == "1"


def test_arguments_are_converted_to_their_annotations() -> None:
    args, _ = prepare(Shop, "rich").validate(
        ({"fullName": "Ann", "age": "3"}, {"x": 1, "y": 2}, "red", "2024-02-29"), {}
    )
    assert args == (User(fullName="Ann", age=3), Point(1, 2), Colour.RED, date(2024, 2, 29))


def test_models_take_field_names_as_well_as_aliases() -> None:
    args, _ = prepare(Shop, "rich").validate(
        ({"full_name": "Ann", "age": 3}, {"x": 1, "y": 2}, Colour.RED, date(2024, 2, 29)), {}
    )
    assert args[0].full_name == "Ann"


def test_a_wrong_type_names_the_parameter_and_the_type_but_never_the_value() -> None:
    said = refusal("add", "hunter2", 2)
    assert said == (
        "add(): parameter 'a': Input should be a valid integer, unable to parse string as an integer, got str"
    )


def test_several_mistakes_are_told_together() -> None:
    said = refusal("add", "x", b="y")
    assert "parameter 'a'" in said
    assert "parameter 'b'" in said


def test_a_mistake_inside_a_value_says_where() -> None:
    assert "parameter 'numbers'['primes'][1]: Input should be a valid integer" in refusal("many", {"primes": [2, "x"]})


def test_a_long_list_of_mistakes_is_cut() -> None:
    assert refusal("many", {"n": ["x"] * 50}).endswith("; and 40 more")


def test_so_many_mistakes_that_naming_them_would_hold_up_the_worker_are_counted() -> None:
    assert refusal("many", {"n": ["x"] * 20_000}) == (
        "many(): there are 20000 mistakes, too many to name: give less of it to read which"
    )


@pytest.mark.parametrize("name", ["custom", "tidied"])
def test_no_way_of_refusing_a_value_quotes_it(name: str) -> None:
    assert refusal(name, "ab12 cd34") == f"{name}(): parameter 'card': Value is not valid, got str"


def test_the_text_of_a_custom_error_that_quotes_nothing_is_told() -> None:
    assert "A card has 16 digits" in refusal("helpful", "ab12 cd34")


def test_the_text_of_a_validator_is_left_out_where_it_quotes_the_value() -> None:
    said = refusal("weak", {"word": "hunter2"})
    assert "hunter2" not in said
    assert "parameter 'secret'['word']: Value is not valid, got str" in said


def test_missing_arguments_are_named() -> None:
    assert refusal("add", 1) == "add(): missing argument 'b'"
    assert refusal("positional") == "positional(): missing argument 'a'"


def test_too_many_arguments_are_counted_once() -> None:
    assert refusal("add", 1, 2, 3, 4) == "add(): takes at most 2 positional arguments, got 4"
    assert refusal("nothing", 1) == "nothing(): takes no positional arguments, got 1"


def test_unexpected_and_doubled_arguments_are_named() -> None:
    assert refusal("add", 1, 2, c=3) == "add(): unexpected keyword argument 'c'"
    assert refusal("defaults", 1, a=2) == "defaults(): argument 'a' is given twice"


def test_an_annotation_that_cannot_be_resolved_is_logged_once_and_not_checked(caplog: pytest.LogCaptureFixture) -> None:
    class Fresh(Shop):
        pass

    with caplog.at_level(logging.WARNING):
        method = prepare(Fresh, "unresolved")
        assert prepare(Fresh, "unresolved") is method
    assert len(caplog.records) == 1
    assert "Shop.unresolved(): the annotation of parameter 'a'" in caplog.text
    assert method.validate(("anything", "2"), {}) == (("anything", 2), {})


def test_a_foreign_type_is_checked_by_isinstance() -> None:
    quack = Quack()
    assert prepare(Shop, "odd").validate((quack,), {})[0][0] is quack
    assert "Input should be an instance of Quack, got dict" in refusal("odd", {})


def test_a_validator_that_breaks_is_the_callers_invalid_argument_without_its_text() -> None:
    class Broken(BaseModel):
        word: str

        @field_validator("word")
        @classmethod
        def look_up(cls, word: str) -> str:
            return {"a": "b"}[word]

    class Service(WorkerEntrypoint):
        def take(self, it: Broken) -> None: ...

    with pytest.raises(InvalidArguments) as refused:
        prepare(Service, "take").validate(({"word": "hunter2"},), {})
    assert str(refused.value) == "take(): the arguments could not be checked (KeyError)"


def test_a_method_named_like_a_type_does_not_spoil_its_neighbours() -> None:
    class Service(WorkerEntrypoint):
        def list(self) -> None: ...

        def total(self, numbers: "list[int]") -> None: ...

    assert prepare(Service, "total").validate((["1"],), {}) == (([1],), {})


def test_a_class_inside_the_entrypoint_may_annotate_its_methods() -> None:
    class Service(WorkerEntrypoint):
        class Inner(BaseModel):
            n: int

        def take(self, it: "Inner") -> None: ...  # type: ignore[name-defined] # noqa: F821, RUF100

    args, _ = prepare(Service, "take").validate(({"n": "1"},), {})
    assert args == (Service.Inner(n=1),)


def test_a_method_is_prepared_once() -> None:
    assert prepare(Shop, "add") is prepare(Shop, "add")


def test_an_override_is_prepared_for_its_own_class() -> None:
    class Strict(Shop):
        def add(self, a: str, b: str) -> str:  # type: ignore[override]
            return a + b

    assert prepare(Shop, "add").validate((1, 2), {}) == ((1, 2), {})
    with pytest.raises(InvalidArguments):
        prepare(Strict, "add").validate((1, 2), {})


def test_unknown_names_are_not_remembered() -> None:
    before = dict(vars(Shop))
    for n in range(10):
        with pytest.raises(MethodNotFound):
            prepare(Shop, f"unknown{n}")
    assert vars(Shop).keys() == before.keys() | {"__callyard_methods__"}
    assert not any(name.startswith("unknown") for name, _ in vars(Shop)["__callyard_methods__"])


def kinds(method: Method) -> tuple[str, bool, bool]:
    return method.kind, method.is_async, method.is_async_generator


def test_kind_and_way_of_running_are_known_beforehand() -> None:
    assert kinds(prepare(Shop, "add")) == ("method", False, False)
    assert kinds(prepare(Shop, "coroutine")) == ("method", True, False)
    assert kinds(prepare(Shop, "stream")) == ("method", False, True)
    assert kinds(prepare(Shop, "prop")) == ("property", False, False)
    assert kinds(prepare(Shop, "later")) == ("property", True, False)
    assert kinds(prepare_fetch(Shop)) == ("fetch", True, False)


def test_a_bound_method_runs_on_its_instance() -> None:
    shop = Shop(None, None)  # type: ignore[arg-type]
    assert prepare(Shop, "add").bind(shop)(1, 2) == 3
    assert prepare(Shop, "prop").bind(shop)() == 1


def test_fetch_gets_as_much_of_the_request_as_it_takes() -> None:
    class Taking(WorkerEntrypoint):
        def fetch(self, request: Any) -> Any:
            return request

    assert prepare_fetch(Shop).validate(("request",), {}) == ((), {})
    assert prepare_fetch(Taking).validate(("request", "surplus"), {}) == (("request",), {})


def test_fetch_that_needs_more_than_a_request_is_a_mistake() -> None:
    class Greedy(WorkerEntrypoint):
        def fetch(self, request: Any, env: Any, ctx: Any) -> None: ...

    with pytest.raises(ConfigurationError, match="cannot be called with a request"):
        prepare_fetch(Greedy)


def test_a_method_without_self_is_a_mistake() -> None:
    class Forgetful(WorkerEntrypoint):
        def add() -> int:  # type: ignore[misc] # noqa: N805, RUF100
            return 1

    with pytest.raises(ConfigurationError, match=r"Forgetful\.add\(\) cannot be a method"):
        prepare(Forgetful, "add")


def test_the_signature_names_types_as_the_service_does() -> None:
    class Named(WorkerEntrypoint):
        def find(self, user: User) -> None: ...

    assert prepare(Named, "find").describe()["signature"] == "find(user: User) -> None"


def test_the_description_is_plain_and_says_signature_documentation_and_schema() -> None:
    described = prepare(Shop, "add").describe()
    assert described["signature"] == "add(a: int, b: int) -> int"
    assert described["doc"] == "Add two numbers."
    assert described["parameters"]["properties"]["a"]["type"] == "integer"
    assert described["parameters"]["required"] == ["a", "b"]
    assert described["returns"] == {"type": "integer"}


@pytest.mark.parametrize(
    "name", ["rich", "positional", "callback", "odd", "plain", "bounded", "unresolved", "prop", "stream", "many"]
)
def test_every_method_can_be_described(name: str) -> None:
    json.dumps(prepare(Shop, name).describe())

"""Which names callers may reach."""

from abc import ABC, abstractmethod
from functools import cached_property, lru_cache, partial, partialmethod
from typing import Any, ClassVar

import pytest

from broker.errors import MethodNotFound, ReservedMethod
from broker.methods.method import prepare
from broker.methods.visibility import RESERVED, not_a_value, not_callable, resolve, resolve_fetch, visible_names
from worker_runtime.entrypoint import WorkerEntrypoint


class Mixin:
    def from_mixin(self) -> int:
        return 1


class Base(WorkerEntrypoint):
    def inherited(self) -> int:
        return 1

    def withdrawn(self) -> int:
        return 1


class Everything(Mixin, Base):
    limit: ClassVar[int] = 3
    table: ClassVar[dict[str, int]] = {}
    withdrawn: ClassVar[Any] = None
    calculator: ClassVar[Any] = partial(max, 1)
    twice = partialmethod(lambda self, n: 2 * n, 4)  # type: ignore[reportUnknownLambdaType] # noqa: RUF100

    class Nested:
        pass

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.secret = lambda: "secret"
        vars(self)["shadowed"] = lambda: "from the instance"

    def method(self) -> int:
        return 1

    def shadowed(self) -> str:
        return "from the class"

    @lru_cache  # noqa: B019
    def remembered(self) -> int:
        return 1

    @property
    def prop(self) -> int:
        return 1

    @cached_property
    def once(self) -> str:
        return "from the getter"

    write_only = property(None, lambda self, value: None)

    @staticmethod
    def static() -> int:
        return 1

    @classmethod
    def klass(cls) -> int:
        return 1

    def _private(self) -> int:
        return 1

    async def fetch(self, request: Any) -> Any:
        return request

    def connect(self) -> None: ...


REACHABLE = ["from_mixin", "inherited", "method", "once", "prop", "remembered", "shadowed", "twice"]


def test_exactly_the_public_methods_and_properties_of_class_and_bases_are_visible() -> None:
    assert visible_names(Everything) == REACHABLE


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused_whether_it_is_defined_or_not(name: str) -> None:
    with pytest.raises(ReservedMethod) as refused:
        resolve(Everything, name)
    assert str(refused.value) == f"'{name}' is a reserved method and cannot be called over RPC."
    assert isinstance(refused.value, TypeError)


HIDDEN = [
    "_private", "__init__", "__class__", "__dict__", "__new__", "ctx", "env", "secret", "absent", "limit", "table",
    "withdrawn", "calculator", "Nested", "static", "klass", "write_only", "toString", "mro", "", " method", "method\n",
    "methöd", "a.b", "m" * 129, "1st",
]  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_hidden_is_answered_like_what_is_absent(name: str) -> None:
    with pytest.raises(MethodNotFound) as refused:
        resolve(Everything, name)
    assert str(refused.value) == f'The RPC receiver does not implement the method "{name}".'


def test_a_refusal_of_a_very_long_name_is_short() -> None:
    with pytest.raises(MethodNotFound) as refused:
        resolve(Everything, "x" * 1_000_000)
    assert len(str(refused.value)) < 300


def test_env_and_ctx_stay_hidden_even_where_a_class_defines_them() -> None:
    class Leaky(WorkerEntrypoint):
        @property
        def env(self) -> int:  # type: ignore[override]
            return 1

    with pytest.raises(MethodNotFound):
        resolve(Leaky, "env")


def test_methods_of_built_in_bases_are_not_visible() -> None:
    class Mapping(WorkerEntrypoint, dict[str, int]):  # pyright: ignore[reportIncompatibleMethodOverride]
        def own(self) -> int:
            return 1

    assert visible_names(Mapping) == ["own"]


def test_an_implemented_abstract_method_is_visible() -> None:
    class Shape(ABC):
        @abstractmethod
        def area(self) -> int: ...

    class Square(Shape, WorkerEntrypoint):
        def area(self) -> int:
            return 4

    assert visible_names(Square) == ["area"]


def test_an_attribute_of_the_instance_that_shadows_a_method_is_not_reachable() -> None:
    instance = Everything(None, None)
    with pytest.raises(MethodNotFound, match='does not implement the method "shadowed"'):
        prepare(Everything, "shadowed").bind(instance)


def test_a_cached_property_is_read_from_its_getter_whatever_the_instance_holds() -> None:
    instance = Everything(None, None)
    instance.__dict__["once"] = "from the instance"
    assert prepare(Everything, "once").bind(instance)() == "from the getter"


def test_fetch_is_reached_by_its_own_kind_of_call() -> None:
    assert resolve_fetch(Everything).kind == "fetch"


def test_a_class_without_fetch_says_so() -> None:
    with pytest.raises(MethodNotFound) as refused:
        resolve_fetch(Base)
    assert str(refused.value) == "Handler does not export a fetch() function."


def test_calling_what_is_no_function_and_reading_what_is_one_are_refused_clearly() -> None:
    assert str(not_callable("config.name")) == '"config.name" is not a function.'
    assert str(not_a_value("add")) == '"add" is a method and cannot be read as a value: call it.'

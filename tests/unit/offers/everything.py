"""A service with all the kinds of types that people use, as they use them."""
# ruff: noqa: A002, PYI061, UP007, UP035, UP045 -- people write so, too
# pyright: basic

from __future__ import annotations

import enum
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    Self,
    TypeVar,
    Union,
    overload,
)
from uuid import UUID

from annotated_types import Gt, Len
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel, SecretStr, computed_field
from typing_extensions import NotRequired, TypeAliasType, TypedDict

from worker_runtime.services.service import Service
from workers import Request, Response, RpcTarget, WorkerEntrypoint

if TYPE_CHECKING:
    from somewhere import Unknown

UserId = NewType("UserId", int)
T = TypeVar("T")
Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | None")
Short = Annotated[str, Len(1, 10)]


class Kind(enum.StrEnum):
    A = "a"
    B = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Flag(enum.Flag):
    X = 1
    Y = 2


class Mixed(enum.Enum):
    ONE = 1
    TWO = "two"
    THREE = (1, 2)


class Pair(NamedTuple):
    x: int
    y: str = ""


class Opts(TypedDict, total=False):
    """Options."""

    verbose: bool
    level: NotRequired[Level]


class Page(BaseModel, Generic[T]):
    """A page."""

    items: list[T]
    next: str | None = None


class User(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: UserId
    name: Annotated[str, Field(min_length=1, description="The name.")]
    mail: str = Field(alias="e-mail", default="")
    kind: Kind = Kind.A
    boss: User | None = None
    tags: set[str] = set()

    @computed_field
    @property
    def shown(self) -> str:
        return self.name


class Names(RootModel[list[str]]):
    pass


class Cat(BaseModel):
    type: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    type: Literal["dog"]


Pet = Annotated[Union[Cat, Dog], Field(discriminator="type")]


@dataclass(frozen=True, kw_only=True)
class Money:
    """Some money."""

    amount: Decimal
    currency: Literal["EUR", "USD"] = "EUR"
    history: list[Money] = field(default_factory=list)


def logged(f: Any) -> Any:
    @functools.wraps(f)
    async def inner(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await f(self, *args, **kwargs)

    return inner


class Base(WorkerEntrypoint):
    def ping(self) -> Literal["pong"]:
        """Answer."""
        return "pong"

    @property
    def version(self) -> str:
        return "1"


class Cursor(RpcTarget):
    """A cursor."""

    def next(self) -> Self:
        return self

    def clone(self) -> Cursor:
        return Cursor()

    async def __aenter__(self):
        return self

    @functools.cached_property
    def size(self) -> int:
        return 1

    async def rows(self, n: Annotated[int, Gt(0)] = 10) -> AsyncIterator[User]:
        yield User(id=1, name="a")


class Default(Base):
    """The service."""

    LIMIT = 3

    async def fetch(self, request: Request) -> Response:
        return Response("x")

    def user(self, id: UserId) -> Optional[User]:
        return None

    def users(self, ids: Sequence[UserId], *, kind: Kind = Kind.A, level: Level = Level.LOW) -> Page[User]: ...
    def pages(self) -> Page[Page[int]]: ...
    def json(self, value: Json) -> Json:
        return value

    def short(self, s: Short, n: Annotated[int, Field(ge=1, le=5)] = 3) -> Short:
        return s

    def mixed(self, m: Mixed, f: Flag) -> Mixed:
        return m

    def pair(self, p: Pair) -> Pair:
        return p

    def opts(self, o: Opts) -> Opts:
        return o

    def names(self, n: Names) -> Names:
        return n

    def pet(self, p: Pet) -> Pet:
        return p

    def pets(self, p: list[Cat | Dog]) -> list[Cat | Dog]:
        return p

    def pay(self, m: Money, when: datetime | None = None, within: timedelta = timedelta(days=1)) -> Money:
        return m

    def args(self, a, /, b: int = 1, *rest: Money, c: str, d: float = 1.5, **more: date) -> None: ...
    @staticmethod
    def static(a: int) -> int:
        return a

    @classmethod
    def klass(cls, a: int) -> int:
        return a

    @overload
    def over(self, a: int) -> int: ...
    @overload
    def over(self, a: str) -> str: ...
    def over(self, a: int | str) -> int | str:
        return a

    @logged
    async def wrapped(self, a: int) -> str:
        return str(a)

    def unknown(self, a: Unknown) -> Unknown: ...
    def me(self) -> Self:
        return self

    def cursor(self) -> Cursor:
        return Cursor()

    def maybe(self) -> Cursor | Money | None:
        return None

    def url(self, u: HttpUrl, s: SecretStr) -> HttpUrl:
        return u

    def gen(self, x: T) -> T:
        return x

    def bytes_(self, b: bytes, u: UUID, c: complex) -> tuple[bytes, UUID]: ...
    def mapping(self, m: Mapping[UserId, list[Money]]) -> dict[Kind, Money]: ...
    def list(self, of: list[int] | None = None) -> list[int]: ...
    def tup(self) -> tuple[int, *tuple[str, ...]]: ...
    def obj(self, o: object) -> object: ...
    def typ(self, t: type[int]) -> None: ...
    def cb(self, f: Callable[[User], None], g: Callable[[], Awaitable[User]]) -> None: ...
    def lit(self, x: Literal[1, "a", None, True, Kind.B]) -> Literal[Kind.A]: ...

    part = functools.partialmethod(short, n=2)

    async def stream(self) -> AsyncIterator[Page[User]]:
        yield Page(items=[])


EVERYTHING = Service("everything", {"Default": Default}).describe()

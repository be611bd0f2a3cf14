"""The service shop, as its live workers offer it.

Made by `python -m client types shop`; with `--check` it says whether the service still fits.
"""

from collections.abc import Awaitable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NotRequired, Protocol, TypedDict

from typing_extensions import ReadOnly
from workers import Request, Response

class Article(TypedDict):
    """A thing that can be bought."""

    name: str
    price: Decimal
    size: Literal["small", "large"]
    since: date | None

class Order(TypedDict):
    """What somebody bought."""

    number: int
    articles: list[Article]
    ordered: datetime
    note: str | None

class ArticleInput(TypedDict):
    """A thing that can be bought."""

    name: ReadOnly[str]
    price: ReadOnly[Decimal]
    size: ReadOnly[NotRequired[Literal["small", "large"]]]
    since: ReadOnly[NotRequired[date | None]]

class OrderInput(TypedDict):
    """What somebody bought."""

    number: ReadOnly[int]
    articles: ReadOnly[Sequence[ArticleInput]]
    ordered: ReadOnly[datetime]
    note: ReadOnly[NotRequired[str | None]]

class Default(Protocol):
    """What customers may do."""

    async def fetch(self, resource: Request | str, **init: Any) -> Response: ...
    async def articles(
        self,
        *,
        size: Literal["small", "large"] | None = ...,
        most: int = ...,
    ) -> list[Article]:
        """The articles, at most so many of them."""

    async def buy(self, names: list[str], note: str | None = ...) -> Order:
        """Buy articles by name.

        Names that the shop does not have are left out.
        """

    async def find(self, name: str) -> Article | None:
        """The article of that name, if there is one."""

    @property
    def name(self) -> Awaitable[str]:
        """What the shop is called."""

    async def total(self, order: OrderInput, discount: Decimal = ...) -> Decimal:
        """What an order costs."""

class Stock(Protocol):
    """What the people of the shop may do."""

    async def count(self, counted: dict[str, int], on: date) -> tuple[int, date]:
        """Say how many there are of each article."""

"""A service whose types travel: `python -m client types shop` writes down what its callers see."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

from pydantic import BaseModel

from workers import Request, Response, WorkerEntrypoint


class Size(Enum):
    """How large a thing is."""

    SMALL = "small"
    LARGE = "large"


class Article(BaseModel):
    """A thing that can be bought."""

    name: str
    price: Decimal
    size: Size = Size.SMALL
    since: date | None = None


@dataclass
class Order:
    """What somebody bought."""

    number: int
    articles: list[Article]
    ordered: datetime
    note: str | None = None


ARTICLES = [
    Article(name="cup", price=Decimal("4.50")),
    Article(name="pot", price=Decimal("21.00"), size=Size.LARGE, since=date(2024, 2, 29)),
]


class Default(WorkerEntrypoint):
    """What customers may do."""

    async def fetch(self, request: Request) -> Response:
        """Greet."""
        return Response("Welcome to the shop")

    @property
    def name(self) -> str:
        """What the shop is called."""
        return "Tea and more"

    async def find(self, name: str) -> Article | None:
        """The article of that name, if there is one."""
        return next((article for article in ARTICLES if article.name == name), None)

    async def articles(self, *, size: Size | None = None, most: int = 10) -> list[Article]:
        """The articles, at most so many of them."""
        return [article for article in ARTICLES if size in (None, article.size)][:most]

    async def buy(self, names: list[str], note: str | None = None) -> Order:
        """Buy articles by name.

        Names that the shop does not have are left out.
        """
        articles = [article for article in ARTICLES if article.name in names]
        return Order(1, articles, datetime(2024, 5, 6, tzinfo=UTC), note)

    def total(self, order: Order, discount: Decimal = Decimal(0)) -> Decimal:
        """What an order costs."""
        return sum((article.price for article in order.articles), Decimal(0)) - discount


class Stock(WorkerEntrypoint):
    """What the people of the shop may do."""

    async def count(self, counted: dict[str, int], on: date) -> tuple[int, date]:
        """Say how many there are of each article."""
        return sum(counted.values()), on

"""Calls the shop with types that editors and type checkers know: `shop.pyi`, as the live service gave it."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from client import connect

if TYPE_CHECKING:
    from shop import Default as Shop


async def main() -> None:
    """Buy something."""
    async with connect() as services:
        shop = cast("Shop", services.shop)
        cup = await shop.find("cup")
        if cup is not None:
            print(cup["name"], cup["size"], cup["price"])
        order = await shop.buy(["cup", "pot"], note="as a present")
        total = await shop.total(order, discount=Decimal("0.50"))
        print(f"{await shop.name}: {len(order['articles'])} articles for {total}")


if __name__ == "__main__":
    asyncio.run(main())

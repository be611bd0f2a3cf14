"""The connection of a command: opened with little patience, because whoever typed it waits."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from broker.errors import BrokerUnavailable, ServiceUnavailable
from client.services import Services, connect

_PATIENCE: Final = 3.0
"""Seconds that Redis has to answer."""


@asynccontextmanager
async def connected(given: argparse.Namespace) -> AsyncGenerator[Services]:
    """All services on the Redis that the options of a command name.

    Raises:
        BrokerUnavailable: none answers.
    """
    async with AsyncExitStack() as stack:
        async with answering():
            connecting = connect(given.broker, prefix=given.prefix, connect_timeout=_PATIENCE)
            services = await stack.enter_async_context(connecting)
        yield services


@asynccontextmanager
async def answering() -> AsyncGenerator[None]:
    """Bound what only Redis has to answer; a little more than connecting, which explains itself better."""
    try:
        async with asyncio.timeout(_PATIENCE + 1):
            yield
    except TimeoutError as error:
        raise BrokerUnavailable("Redis takes the connection and does not answer.", executed="no") from error


def fetch_offers(given: argparse.Namespace, service: str) -> dict[str, Any]:
    """What the live workers of *service* offer, by entrypoint.

    Raises:
        ServiceUnavailable: there are none.
        BrokerUnavailable: no Redis answers.
    """

    async def fetch() -> dict[str, Any]:
        async with connected(given) as services, answering():
            return dict(await services.describe(service))

    offers = asyncio.run(fetch())
    if not offers:
        raise ServiceUnavailable(
            f"No live worker serves {service!r}. "
            "Start one: python -m worker_runtime CONFIG, on the same Redis and prefix."
        )
    return dict(sorted(offers.items()))

"""`connect`: a protocol, and a service whose methods are all `async def`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import assert_type

from faces import AsyncService, PlainService, User, Users

from client import Services, Stub, connect, options, submit


async def protocol() -> None:
    async with connect() as services:
        assert_type(services, Services)
        users = services.service("users", like=Users)
        assert_type(users, Users)
        assert_type(await users.find("Ann"), User | None)
        assert_type(await users.count, int)
        assert_type(users.names(), AsyncIterator[str])
        assert_type(options(users, timeout=2), Users)
        assert_type(await submit(users.find, "Ann"), str)
        await users.find(1)  # expect: error
        await users.find("Ann", 2)  # expect: error
        await users.find("Ann", most="2")  # expect: error
        await users.fnid("Ann")  # expect: error
        print(users.find("Ann").name)  # expect: error


async def service_class() -> None:
    async with connect() as services:
        service = services.service("svc", "Admin", props={"a": 1}, like=AsyncService)
        assert_type(await service.add(1, b=2), int)
        assert_type(await service.version, str)
        await service.add("1")  # expect: error


async def plain_methods_are_no_coroutines() -> None:
    async with connect() as services:
        service = services.service("svc", like=PlainService)
        await service.add(1, 2)  # expect: error


async def untyped() -> None:
    async with connect() as services:
        assert_type(services.service("svc"), Stub)
        await services.svc.whatever(1, 2)
        await services.svc.table.deep

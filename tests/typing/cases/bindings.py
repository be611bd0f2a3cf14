"""Bindings in `env`: a class with an annotation for each."""

from __future__ import annotations

from typing import assert_type

from faces import User, Users

from workers import Response, WorkerEntrypoint


class Env:
    USERS: Users
    GREETING: str


class Default(WorkerEntrypoint):
    env: Env

    async def greet(self, name: str) -> str:
        user = await self.env.USERS.find(name)
        assert_type(user, User | None)
        await self.env.USERS.find(1)  # expect: error
        print(self.env.OTHERS)  # expect: error
        return f"{self.env.GREETING}, {user.name if user else name}"

    async def fetch(self, request: object) -> Response:
        return Response("hello")

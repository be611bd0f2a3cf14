"""A service that calls another one through its bindings."""

from worker_runtime import policy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        answer = await self.env.PROBE.fetch(request)
        return Response(f"{answer.status} {await answer.text()}")

    async def add(self, a: int, b: int) -> int:
        return await self.env.PROBE.add(a, b)

    async def quick(self) -> str:
        return "quick"

    async def role(self):
        return await self.env.ADMIN.role()

    async def plain_role(self):
        return await self.env.PLAIN.role()

    async def fail(self, kind: str, *args):
        return await self.env.PROBE.fail(kind, *args)

    async def caught(self):
        try:
            await self.env.PROBE.fail("KeyError", "k")
        except KeyError as error:
            return f"caught {error} {error.remote}"

    async def hold(self, gate: str) -> str:
        return await self.env.PROBE.hold(gate)

    async def inner_left(self) -> float:
        return (await self.env.PROBE.context())["left"]

    @policy(timeout=3)
    async def inner_left_by_policy(self) -> float:
        return await self.inner_left()

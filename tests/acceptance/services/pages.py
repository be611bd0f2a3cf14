"""A service that has assets: what its own code answers, and from where."""

import threading

from worker_runtime import policy
from workers import Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"the service at {request.url}", headers={"x-body": await request.text()})

    def where(self):
        return threading.current_thread() is threading.main_thread()

    async def own_assets(self, url, **options):
        return await self.env.ASSETS.fetch(url, **options)


class Named(WorkerEntrypoint):
    def fetch(self, request):
        return Response("the named one")


@policy(timeout=30)
class Silent(WorkerEntrypoint):
    pass

from workers import WorkerEntrypoint, Request

class ImageWorker(WorkerEntrypoint):
    async def getImage(self, path: str):
        return await self.env.ASSETS.fetch(Request(f"https://assets.local{path}"))

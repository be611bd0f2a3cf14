from workers import WorkerEntrypoint, Response

class Default(WorkerEntrypoint):
    async def fetch(self, request):
        response = await self.env.IMAGE_SERVICE.getImage("/images/logo.png")
        return response

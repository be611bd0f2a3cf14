"""A service that shows an image of the other one."""

from workers import Request, Response, WorkerEntrypoint


class Default(WorkerEntrypoint):
    """Every request is answered with the logo."""

    async def fetch(self, request: Request) -> Response:
        """Ask the image service for its logo, and pass on what it answers."""
        return await self.env.IMAGE_SERVICE.get_image("/images/logo.png")

"""The seed's image service: it answers with files of its directory of assets."""

from workers import Request, Response, WorkerEntrypoint


class ImageWorker(WorkerEntrypoint):
    """Images by their path; the host in the URL means nothing to the assets."""

    async def get_image(self, path: str) -> Response:
        """Return the image at *path*, such as "/images/logo.png"."""
        return await self.env.ASSETS.fetch(Request(f"https://assets.local{path}"))

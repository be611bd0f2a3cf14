"""A service that waits until a crowd has gathered, and knows how many were there at once."""

import asyncio
import hashlib
from collections import Counter
from urllib.parse import parse_qs, urlsplit

from workers import Response, WorkerEntrypoint

PIECE = 65_536


class Crowd:
    """Who is here. One for the process, which has one event loop."""

    def __init__(self):
        self.inside = self.most = 0
        self.gathered = asyncio.Event()
        self.broken = []
        self.closed = []
        self.made = Counter()

    def enter(self, many):
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == many:
            self.gathered.set()


CROWD = Crowd()


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path == "/told":
            return Response.json({name: value for name, value in vars(CROWD).items() if name != "gathered"})
        if url.path == "/echo":
            return Response(await request.bytes(), headers={"x-who": query["who"]})
        CROWD.enter(int(query["many"]))
        try:
            return await getattr(self, f"_{url.path.strip('/')}")(request, query["who"])
        except BaseException:
            # Cancelled, or the body broke off: whichever is heard of first.
            CROWD.broken.append(query["who"])
            raise
        finally:
            CROWD.inside -= 1

    async def _meet(self, request, who):
        """Answer once everybody is here."""
        body = await request.bytes()
        await CROWD.gathered.wait()
        return Response(body, headers={"x-who": who})

    async def _hold(self, request, who):
        """Never answer."""
        await asyncio.Event().wait()

    async def _take(self, request, who):
        """Answer with what was read of the body, while it came."""
        digest, size = hashlib.sha256(), 0
        async for piece in request.body:
            digest.update(piece)
            size += len(piece)
        return Response(f"{size} {digest.hexdigest()}", headers={"x-who": who})

    async def _late(self, request, who):
        """Begin to read when everybody is here."""
        await CROWD.gathered.wait()
        return await self._take(request, who)

    async def _pour(self, request, who):
        """Answer with a body of as many pieces as are asked for, and stay until it was read."""
        query = parse_qs(urlsplit(request.url).query)
        CROWD.inside += 1  # left when the body has ended
        return Response(self._pieces(who, int(query["pieces"][0])), headers={"x-who": who})

    async def _pieces(self, who, count):
        try:
            for number in range(count):
                CROWD.made[who] += 1
                yield f"{who} {number} ".encode().ljust(PIECE, b".")
        finally:
            CROWD.inside -= 1
            CROWD.closed.append(who)

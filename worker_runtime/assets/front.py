"""What stands in front of a service that has assets: they answer first, else the service, unless it asked otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from broker.http import Request, Response
from worker_runtime.assets.paths import host_and_path
from worker_runtime.assets.routing import Routing, Turn
from worker_runtime.assets.site import Site


class Front:
    """Decides for each request whether the assets answer it or the service's own `fetch`.

    Requests alone pass through it, those over a binding as those over HTTP, and only those to the default entrypoint.
    """

    def __init__(self, site: Site, routing: Routing, *, has_service: bool) -> None:
        """Serve *site*; without a service everything is answered by the assets."""
        self._site = site
        self._routing = routing
        self._has_service = has_service

    async def fetch(self, request: Request, service: Callable[[Request], Awaitable[Response]]) -> Response:
        """Answer from the assets, or with what *service* answers.

        Raises: what `answer` and *service* raise.
        """
        response = await asyncio.to_thread(self.answer, request) if self.may_answer(request) else None
        return await service(request) if response is None else response

    def may_answer(self, request: Request) -> bool:
        """Whether the assets are to be asked at all; does not block."""
        return not self._has_service or self._turn(request) != "service"

    def answer(self, request: Request) -> Response | None:
        """What the assets answer, or None where it is the service's turn. Blocking.

        Raises:
            PayloadTooLarge: A file is larger than an asset may be.
            OSError: A file cannot be read.
        """
        if not self._has_service:
            return self._site.answer(request)
        turn = self._turn(request)
        if turn == "service":
            return None
        if turn == "assets":
            return self._site.answer(request)
        # A page that a browser goes to is never an answer of the service where a page stands for what is not found.
        is_navigation = request.headers.get("sec-fetch-mode") == "navigate"
        return self._site.answer_if_known(request, fall_back=is_navigation or self._routing.has_patterns)

    def _turn(self, request: Request) -> Turn:
        return self._routing.turn(host_and_path(request.url)[1])

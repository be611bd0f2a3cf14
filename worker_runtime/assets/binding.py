"""`env.ASSETS`: the assets of a service, as its code sees them."""

from __future__ import annotations

import asyncio
from typing import Any

from broker.http import Request, Response
from worker_runtime.assets.site import Site


class Assets:
    """The binding to the assets of a service."""

    __slots__ = ("_site",)

    def __init__(self, site: Site) -> None:
        self._site = site

    async def fetch(self, resource: Request | str, **init: Any) -> Response:
        """What the assets answer to a request; only the path of its URL chooses the file, the host means nothing.

        A redirect is handed back, not followed. Files are read in a thread; if cancelled, nothing is left behind.

        Raises:
            ValueError: The URL is none.
            PayloadTooLarge: The file is larger than 25 MiB.
            OSError: The file cannot be read.
        """
        request = resource if isinstance(resource, Request) and not init else Request(resource, **init)
        return await asyncio.to_thread(self._site.answer, request)

    def __repr__(self) -> str:
        return "<assets>"

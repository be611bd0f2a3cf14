"""The Lua scripts that change state in Redis, kept as files beside this package."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Final

from broker.link.link import Link
from broker.link.replies import ReplyError
from broker.link.wire import Argument


class Script:
    """One script: sent by its digest, and with its text where Redis does not know it (any longer)."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.text: Final = files("broker").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")
        self.digest: Final = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, link: Link, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run the script; the future gets its result.

        Raises (from the future): what `Link.send` raises.
        """
        if self.digest not in link.scripts:
            # With its text the first time on a connection: a second try would be overtaken by what was sent meanwhile.
            link.scripts.add(self.digest)
            return self.run_whole(link, keys, arguments)
        sent = link.send("EVALSHA", self.digest, len(keys), *keys, *arguments)
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        sent.add_done_callback(partial(self._answered, link, keys, arguments, result))
        return result

    def run_whole(self, link: Link, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run the script in its place among what is sent, known to Redis or not: what follows may count on it."""
        return link.send("EVAL", self.text, len(keys), *keys, *arguments)

    def run_now(self, link: Link, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run the script before anything that queues up; for hooks in `Link.on_open`."""
        # With its text: a hook cannot wait for the second attempt that an unknown digest needs.
        return link.send_now("EVAL", self.text, len(keys), *keys, *arguments)

    def _answered(
        self,
        link: Link,
        keys: Sequence[str],
        arguments: Sequence[Argument],
        result: asyncio.Future[Any],
        sent: asyncio.Future[Any],
    ) -> None:
        if result.done():
            _ = sent.cancelled() or sent.exception()
            return
        error = None if sent.cancelled() else sent.exception()
        if isinstance(error, ReplyError) and error.code == "NOSCRIPT":
            again = link.send("EVAL", self.text, len(keys), *keys, *arguments)
            again.add_done_callback(partial(_copy, result))
        else:
            _copy(result, sent)


def _copy(result: asyncio.Future[Any], source: asyncio.Future[Any]) -> None:
    if source.cancelled():
        result.cancel()
        return
    error = source.exception()
    if result.done():
        return
    if error is not None:
        result.set_exception(error)
    else:
        result.set_result(source.result())

"""The Lua scripts that change state in Redis, kept as files beside this package."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from typing import Any, Final

from broker.link.link import Link
from broker.link.replies import ReplyError
from broker.link.wire import Argument, Waiting, pack_command


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
        packed = pack_command(("EVALSHA", self.digest, len(keys), *keys, *arguments))
        future = asyncio.get_running_loop().create_future()
        command = _Known(packed, future, partial(self._whole, keys, arguments), link)
        link.queue(command)
        return command.future

    def run_whole(self, link: Link, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run the script in its place among what is sent, known to Redis or not: what follows may count on it."""
        return link.send("EVAL", self.text, len(keys), *keys, *arguments)

    def run_now(self, link: Link, keys: Sequence[str], arguments: Sequence[Argument]) -> asyncio.Future[Any]:
        """Run the script before anything that queues up; for hooks in `Link.on_open`."""
        # With its text: a hook cannot wait for the second attempt that an unknown digest needs.
        return link.send_now("EVAL", self.text, len(keys), *keys, *arguments)

    def _whole(self, keys: Sequence[str], arguments: Sequence[Argument]) -> bytes:
        return pack_command(("EVAL", self.text, len(keys), *keys, *arguments))


class _Known(Waiting):
    """A script that Redis should know; where it does not, *whole* is sent on *link* instead."""

    __slots__ = ("link", "whole")

    def __init__(self, packed: bytes, future: asyncio.Future[Any], whole: Callable[[], bytes], link: Link) -> None:
        super().__init__(packed, future)
        self.whole = whole
        self.link = link

    def refuse(self, error: ReplyError) -> None:
        """Take the error, or try again."""
        if error.code == "NOSCRIPT" and not self.future.done():
            self.link.queue(Waiting(self.whole(), self.future))
        else:
            super().refuse(error)

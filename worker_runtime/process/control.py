"""The control channels of services: what callers and workers tell each other, and nothing depends on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from broker.codec import pack, unpack
from broker.errors import RpcError
from broker.link import Address, Link
from worker_runtime.services.serving import Serving

_SILENCE: Final = 3600.0
"""Seconds without a word that are no sign of a lost connection: most of the time there is nothing to be told."""


class Control:
    """Listens to the channels of *servings*: *cancel* is told of calls that were given up, *sweep* when to look."""

    def __init__(
        self,
        address: Address,
        worker: str,
        servings: Sequence[Serving],
        cancel: Callable[[str, int], None],
        sweep: Callable[[], None],
    ) -> None:
        """Connect nothing yet: `link` is for whoever connects."""
        self.link: Final = Link(address, name=f"callyard-control-{worker}", resend=False, silence=_SILENCE)
        self.link.on_open.append(self._subscribe)
        self.link.on_push = self._heard
        self._servings = servings
        self._cancel = cancel
        self._sweep = sweep

    async def call_sweepers(self, commands: Link) -> None:
        """Tell the other workers that something was given back; they would find it by themselves, but later."""
        if commands.connected:
            told = [commands.send("PUBLISH", serving.keys.control, pack([1, "sweep"])) for serving in self._servings]
            await asyncio.wait(told, timeout=1)

    async def _subscribe(self) -> None:
        for serving in self._servings:
            await self.link.send_now("SUBSCRIBE", serving.keys.control)
            # Nobody writes to it: that it is subscribed tells callers that this process lives.
            await self.link.send_now("SUBSCRIBE", serving.keys.alive(serving.caller.id))

    def _heard(self, message: Any) -> None:
        match message:
            case [b"message", _, bytes(data)]:
                self._told(data)
            case _:
                # Redis confirms what was subscribed to.
                return

    def _told(self, data: bytes) -> None:
        try:
            told = unpack(data)
        except RpcError:
            return
        match told:
            case [1, "cancel", str(caller), int(sequence)]:
                self._cancel(caller, sequence)
            case [1, "sweep"]:
                self._sweep()
            case _:
                # From a version that knows more.
                return

"""One request and its response, from the first byte to the last or to the moment the client goes away."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

from broker.http import Request, Response
from client.gateway.admission import Admitted, Scope
from client.gateway.incoming import Incoming, Receive
from client.gateway.outgoing import Broken, Outgoing, Send
from client.gateway.problems import Problem, Refused, body_of, fields_of, named, problem_of

_BODILESS: Final = ("GET", "HEAD")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What would end a line of the log, or steer a terminal."""

_log = logging.getLogger("callyard.gateway")


class Exchange:
    """Answers one request with what *fetch* gives, and says in the log how it ended."""

    def __init__(self, scope: Scope, send: Send, *, stall: float) -> None:
        self.id: Final = secrets.token_hex(8)
        self._scope = scope
        self._out = Outgoing(send, head_only=scope["method"] == "HEAD", stall=stall)
        self._began = asyncio.get_running_loop().time()

    async def run(
        self,
        admitted: Admitted,
        receive: Receive,
        fetch: Callable[[Admitted, Request], Awaitable[Response]],
        *,
        most: int,
        whole: int | None,
    ) -> None:
        """Read the request, fetch the response and send it; give up when the client does.

        Args:
            admitted: Its head.
            receive: Where its body comes from.
            fetch: Makes the call; cancelled when the client has gone away.
            most: The largest body.
            whole: The largest body that is not streamed; None streams none.

        Raises:
            Broken: the response broke off: the connection must be cut.
        """
        incoming = Incoming(receive, most)
        listening = asyncio.create_task(incoming.listen())
        answering = asyncio.create_task(self._answer(admitted, incoming, fetch, whole))
        try:
            await asyncio.wait([listening, answering], return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
            else:
                self._say(logging.INFO, "the client went away")
        finally:
            for task in (listening, answering):
                task.cancel()
            incoming.end()
            await asyncio.wait([listening, answering])

    async def refuse(self, error: BaseException) -> None:
        """Answer with what the client may know of *error*; the log has the rest."""
        problem = problem_of(error)
        fields = fields_of(problem, self.id)
        response = Response(body_of(problem, self.id), problem.status, headers=fields)
        await self._out.respond(response)
        self._say(logging.INFO if isinstance(error, Refused) else logging.WARNING, _told(problem), error)

    async def _answer(
        self,
        admitted: Admitted,
        incoming: Incoming,
        fetch: Callable[[Admitted, Request], Awaitable[Response]],
        whole: int | None,
    ) -> None:
        try:
            response = await fetch(admitted, await self._read(admitted, incoming, whole))
            await self._out.respond(response)
        except Broken as error:
            self._say(logging.WARNING, f"broke off after {self._out.sent} bytes", error)
            raise
        except Exception as error:
            if self._out.begun:
                raise
            await self.refuse(incoming.refused or error)
        else:
            self._say(logging.INFO, f"{response.status} {self._out.sent} bytes")

    async def _read(self, admitted: Admitted, incoming: Incoming, whole: int | None) -> Request:
        try:
            async with asyncio.timeout_at(self._began + admitted.seconds):
                body = await incoming.read(whole)
        except TimeoutError as error:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.") from error
        if body is not None and admitted.method in _BODILESS:
            raise Refused(HTTPStatus.BAD_REQUEST, f"A {admitted.method} request has no body.")
        # What the service answers is the client's to follow.
        return Request(admitted.url, method=admitted.method, headers=admitted.headers, body=body, redirect="manual")

    def left(self, admitted: Admitted) -> float:
        """Seconds that the request may still take."""
        return self._began + admitted.seconds - asyncio.get_running_loop().time()

    def _say(self, level: int, how: str, error: BaseException | None = None) -> None:
        scope, taken = self._scope, asyncio.get_running_loop().time() - self._began
        said = "" if error is None else f": {error if isinstance(error, Broken) else named(error)}"
        why = _CONTROL.sub(_escaped, said)
        peer = (scope.get("client") or ("-",))[0]
        _log.log(
            level, "%s %s %s %a %s in %.3f s%s", self.id, peer, scope["method"], scope["path"], how, taken, why,
            exc_info=error if level > logging.WARNING else None,
        )  # fmt: skip


def _escaped(control: re.Match[str]) -> str:
    return ascii(control[0])[1:-1]


def _told(problem: Problem) -> str:
    return f"{int(problem.status)} {problem.status.phrase}"

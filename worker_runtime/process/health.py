"""`--health HOST:PORT`: whether this process takes calls, and whether it makes progress, for whoever supervises it.

It answers from threads of its own, so a method that blocks the event loop cannot keep it silent.
"""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, cast
from urllib.parse import urlsplit

from broker.errors import ConfigurationError
from worker_runtime.config.units import split_address
from worker_runtime.process.watchdog import SLOW_SECONDS

State = Literal["starting", "ready", "draining"]

SLOWEST_CLIENT: Final = 5.0
"""Seconds that a client may take to say what it wants."""
MOST_CLIENTS: Final = 32
"""More at the same time are turned away: this port must cost the process nothing."""


def answer(path: str, state: State, silent: float) -> tuple[HTTPStatus, str]:
    """Status and text for *path* of a process in *state* whose loop has not turned for *silent* seconds."""
    match urlsplit(path).path:
        case "/ready":
            return HTTPStatus.OK if state == "ready" else HTTPStatus.SERVICE_UNAVAILABLE, state
        case "/live" if silent < SLOW_SECONDS:
            return HTTPStatus.OK, "live"
        case "/live":
            return HTTPStatus.SERVICE_UNAVAILABLE, f"the event loop has not turned for {silent:.0f} s"
        case _:
            return HTTPStatus.NOT_FOUND, "there are /ready and /live"


class Health:
    """Answers `/ready` and `/live`.

    Attributes:
        state: What `/ready` says; 200 for "ready" alone. May be set from any thread.
        address: Where it listens, once it does.
    """

    def __init__(self, listen: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.state: State = "starting"
        self.address = ""
        self._listen = listen
        self._clock = clock
        self._beat = clock()
        self._server: _Server | None = None

    def beat(self) -> None:
        """Tell that the loop turns."""
        self._beat = self._clock()

    def start(self) -> None:
        """Listen; when this returns, it answers, until `stop` or the end of the process.

        Raises:
            ConfigurationError: It cannot listen there.
        """
        try:
            host, port = split_address(self._listen)
            self._server = _Server((host, port), self.answer)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigurationError(f"--health {self._listen}: {reason}.", key="health") from error
        bound = self._server.server_address[1]
        self.address = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
        threading.Thread(target=self._server.serve_forever, name="callyard-health", daemon=True).start()

    def stop(self) -> None:
        """Listen no more. Twice is once."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str]:
        """Status and text for *path*, now."""
        return answer(path, self.state, self._clock() - self._beat)


class _Server(ThreadingHTTPServer):
    request_queue_size = MOST_CLIENTS

    def __init__(self, address: tuple[str, int], answer: Callable[[str], tuple[HTTPStatus, str]]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.answer = answer
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        self._since: dict[Any, float] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # That of HTTPServer asks the DNS for a name that nobody needs.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        try:
            super().process_request(request, client_address)
        except BaseException:
            # No thread to be had.
            self._end(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._end(request)

    def service_actions(self) -> None:
        """Cut off who takes too long, be it byte by byte; called every half second."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > SLOWEST_CLIENT:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)

    def _end(self, request: Any) -> None:
        del self._since[request]
        self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left."""


class _Handler(BaseHTTPRequestHandler):
    server_version = "callyard"
    sys_version = ""

    def do_GET(self) -> None:
        status, text = cast("_Server", self.server).answer(self.path)
        body = f"{text}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 -- the library calls it so

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- likewise
        """Say nothing: a probe comes every few seconds."""

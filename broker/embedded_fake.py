"""fakeredis as a server that keeps Redis's word where its own front does not.

fakeredis' TCP front closes the connection on many error replies, answers a blocking group read at once, and does not
know the `#!lua` line of a script. All of it lies outside the part that executes commands, which is used as it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
from collections import deque
from socketserver import BaseRequestHandler
from typing import Any, cast

from fakeredis import TcpFakeServer
from fakeredis._clients._tcp_server import encode_reply  # pyright: ignore[reportPrivateUsage]
from fakeredis._helpers import SimpleError  # pyright: ignore[reportPrivateUsage]
from fakeredis._socket import FakeSocket  # pyright: ignore[reportPrivateUsage]


class FakeRedisServer(TcpFakeServer):
    """Serves one fake Redis to any number of clients on `server_address`, one pair of threads for each."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Listen on *address*; `serve_forever` begins to answer."""
        # 7.0 is the oldest Redis that Callyard supports: nothing newer may slip into what works here.
        super().__init__(address, server_version=(7, 0))
        self.daemon_threads = True
        self.RequestHandlerClass = _Client

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left while it was being served."""


class _Executor(FakeSocket):  # pyright: ignore[reportUntypedBaseClass]
    """The commands of one client; replies go straight to its connection."""

    def __init__(self, server: Any, client: _Client) -> None:
        self._client = client
        self._left = False
        super().__init__(server, 0, client_class=object, client_info=client.describe())

    def put_response(self, msg: Any) -> None:
        self._client.reply(encode_reply(msg, self._client_info.protocol_version))

    def _decode_error(self, error: Any) -> Any:
        # The front turns the error into an exception and guesses its first word back; here it keeps its text.
        return SimpleError(error.value.replace("ERR BUSYGROUP", "BUSYGROUP", 1))

    def kill(self) -> None:
        super().kill()
        self._client.drop()

    def _blocking(self, *arguments: Any, **options: Any) -> Any:
        return None if self._left else super()._blocking(*arguments, **options)

    def _xreadgroup(self, *arguments: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Without COUNT the first pass throws away what it has read, and with it an empty read counts as an answer.
        *reading, _first_pass = arguments
        read: Any = super()._xreadgroup
        return read(*reading, False) or None

    def eval(self, script: bytes, numkeys: int, *keys_and_args: bytes) -> Any:
        if script.startswith(b"#!"):
            digest = hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
            self._server.script_cache[digest] = script
            script = b"--" + script
        return super().eval(script, numkeys, *keys_and_args)

    def leave(self) -> None:
        """Wake the command that blocks and let none block again: a client that left takes no entry from the others."""
        with self._server.lock:
            self._left = True
            self._unblock_reason = b"timeout"
            self._db.wake_all()


class _Client(BaseRequestHandler):
    """One connection: this thread reads, a second one executes, for a command may block and a client may leave."""

    request: socket.socket

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received: deque[bytes] = deque()
        self._arrived = threading.Semaphore(0)
        self._sending = threading.Lock()
        self._replies: list[bytes] = []
        self._executor = _Executor(cast("FakeRedisServer", self.server).fake_server, self)
        self._thread = threading.Thread(target=self._execute, daemon=True)
        self._thread.start()

    def handle(self) -> None:
        while data := self._receive():
            self._received.append(data)
            self._arrived.release()
        self._executor.leave()

    def finish(self) -> None:
        self._received.append(b"")
        self._arrived.release()
        self._thread.join()
        self._executor.close()

    def describe(self) -> dict[str, Any]:
        """What CLIENT LIST says of the connection."""
        here, there = (f"{host}:{port}" for host, port in (self.request.getsockname(), self.request.getpeername()))
        return {"laddr": here, "addr": there, "fd": self.request.fileno(), "name": "", "db": 0, "flags": "N"}

    def reply(self, data: bytes) -> None:
        """Send *data*, together with the other replies to the same bytes where they are this client's own."""
        if threading.current_thread() is self._thread:
            self._replies.append(data)
        else:
            self._send(data)

    def drop(self) -> None:
        """End the connection; `handle` sees it."""
        with contextlib.suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)

    def _receive(self) -> bytes:
        try:
            return self.request.recv(65536)
        except OSError:
            return b""

    def _execute(self) -> None:
        while True:
            self._arrived.acquire()
            if not (data := self._received.popleft()):
                return
            try:
                self._executor.sendall(data)
            except Exception as error:
                # Whatever went wrong, only this client is to notice.
                self._replies.append(b"-ERR " + " ".join(str(error).split()).encode() + b"\r\n")
                self.drop()
            replies, self._replies = self._replies, []
            self._send(b"".join(replies))

    def _send(self, data: bytes) -> None:
        try:
            with self._sending:
                self.request.sendall(data)
        except OSError:
            self.drop()

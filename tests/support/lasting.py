"""A Redis that crashes and comes back with what it had written down."""

import socket
import subprocess
import time
from pathlib import Path

import redis


class LastingRedis:
    """A real server that writes down what it does, and can crash and come back."""

    def __init__(self, folder: Path, **more: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"
        settings = {"port": self.port, "bind": "127.0.0.1", "appendonly": "yes", "save": "", "dir": folder} | more
        self._command = [
            "redis-server",
            *[text for key, value in settings.items() for text in (f"--{key}", str(value))],
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        with redis.Redis.from_url(self.url, protocol=2) as client:
            while True:
                try:
                    client.ping()
                except redis.RedisError:
                    assert time.monotonic() < give_up, "redis-server does not answer"
                    time.sleep(0.01)
                else:
                    return

    def crash(self) -> None:
        """Kill it; what it had confirmed it has written."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

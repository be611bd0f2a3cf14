"""The private broker of a test run: started when the first test needs it, shared by all that follow."""

from __future__ import annotations

import atexit
import threading
from typing import Final

from broker.embedded import EmbeddedBroker


class PrivateBroker:
    """One embedded broker for this process. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._broker: EmbeddedBroker | None = None

    def url(self) -> str:
        """Where it listens; the first to ask starts it, and whoever asks when it has ended by itself starts another.

        Raises:
            BrokerUnavailable: it did not start.
        """
        with self._lock:
            if self._broker is not None and not self._broker.running:
                self._broker.stop()
                self._broker = None
            if self._broker is None:
                broker = EmbeddedBroker()
                broker.start()
                self._broker = broker
            return self._broker.url

    def stop(self) -> None:
        """Stop it, if it runs; the next to ask starts another."""
        with self._lock:
            broker, self._broker = self._broker, None
        if broker is not None:
            broker.stop()


private_broker: Final = PrivateBroker()
"""That of this process; it ends with it."""

atexit.register(private_broker.stop)

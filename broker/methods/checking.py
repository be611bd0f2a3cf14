"""How a service checks what callers give it and what it gives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Checking:
    """What of the settings decides how the methods of an entrypoint are prepared.

    Attributes:
        receiver: How errors call the entrypoint, such as "worker_b" or "worker_b#Admin"; may be empty.
        strict: Whether values are refused that would have to be converted.
        results: Whether results are checked as arguments are.
    """

    receiver: str = ""
    strict: bool = False
    results: bool = True

    def label(self, method: str) -> str:
        """What errors call a method, as command lines do: `worker_b.add()`, `worker_b#Admin.create()`."""
        return f"{self.receiver}.{method}()" if self.receiver else f"{method}()"


LAX = Checking()
"""What holds where nobody says otherwise."""

"""Testing services: they run in the test's own process, on a private broker, and are called through real stubs.

    async with serve(Greeter, bindings={"CLOCK": FakeClock()}) as greeter:
        assert await greeter.stub.greet("Ada") == "Good morning, Ada"
        assert greeter.calls("CLOCK") == [("hour", (), {})]

Arguments, results and exceptions cross the broker as they do in production; nothing is short-circuited.
"""

from worker_runtime.testing.blocking import BlockingServed, serve_blocking
from worker_runtime.testing.recorded import BackgroundTask, CallMade
from worker_runtime.testing.served import Served, serve
from worker_runtime.testing.subject import ServiceUnderTest

__all__ = [
    "BackgroundTask",
    "BlockingServed",
    "CallMade",
    "Served",
    "ServiceUnderTest",
    "serve",
    "serve_blocking",
]

"""What all tests share, and the count of the tests that needed a Redis."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a machine that does other things as well.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

ROOT = Path(__file__).parent.parent
SERVERS = {"fakeredis": "on fakeredis", "redis": "on a real redis-server"}


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


class ServerCount:
    """Counts tests by the server they ran on; in CI a skipped test on a real server fails the run.

    A test belongs to a server by its parameter ID (`test_x[redis]`) or by a marker of that name. Where tests run in
    several processes, each report says which server its test belongs to, and the first process counts.
    """

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            ids = item.nodeid.rpartition("[")[2].rstrip("]").split("-") if "[" in item.nodeid else []
            for server in SERVERS:
                if server in ids or item.get_closest_marker(server):
                    item.user_properties.append(("server", server))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        server = dict(report.user_properties).get("server")
        if server and report.skipped:
            self.skipped[server] += 1
        elif server and report.when == "call":
            self.ran[server] += 1

    @property
    def real_server_was_skipped(self) -> bool:
        return self.skipped["redis"] > 0 or (self.ran["fakeredis"] > 0 and self.ran["redis"] == 0)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        several = hasattr(session.config, "workerinput")
        if (
            os.environ.get("CI") == "true"
            and not several
            and self.real_server_was_skipped
            and not session.config.option.keyword
        ):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.ran and not self.skipped:
            return
        terminalreporter.section("servers")
        for server, words in SERVERS.items():
            skipped = f", {self.skipped[server]} SKIPPED" if self.skipped[server] else ""
            terminalreporter.line(f"{self.ran[server]:5} tests ran {words}{skipped}")
        if self.real_server_was_skipped:
            found = shutil.which("redis-server") or "none on PATH"
            text = f"NOT EVERY TEST RAN ON A REAL SERVER (redis-server: {found}); CI fails here."
            terminalreporter.line(text, red=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ServerCount(), "server-count")

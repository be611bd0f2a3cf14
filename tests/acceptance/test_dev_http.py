"""HTTP while services are reloaded: the gateway outlives the processes, and no request is lost. On a real server."""

import asyncio
import re
import signal
import socket
import textwrap

import httpx
import pytest

from tests.support.workers import PATIENCE, WorkerProcess, until
from worker_runtime.exits import Exit

pytestmark = pytest.mark.redis

SERVICE = """
    import asyncio
    from pathlib import Path
    from workers import Response, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def fetch(self, request):
            gate = request.url.partition("?")[2]
            while gate and not Path(gate).exists():
                await asyncio.sleep(0.01)
            return Response("{version}")
"""


class Pages:
    """A service that answers with its version and is edited while it is served."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.configure("pages")
        self.write(1)

    def configure(self, name):
        (self.folder / "wrangler.toml").write_text(f'name = "{name}"\nmain = "pages.py"\n')

    def write(self, version):
        (self.folder / "pages.py").write_text(textwrap.dedent(SERVICE.format(version=version)))


@pytest.fixture
def pages(tmp_path):
    return Pages(tmp_path / "pages")


def url_of(worker: WorkerProcess) -> str:
    line = next(line for line in worker.output if line.startswith("http at "))
    return line.split()[-1]


def listens(url: str) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


@pytest.fixture
def served(place, pages):
    worker = place.workers.start(pages.folder, "--reload", "--http", "127.0.0.1:0", "--grace", "10s")
    worker.ready()
    return worker


@pytest.fixture
async def http(served):
    async with httpx.AsyncClient(base_url=url_of(served), timeout=PATIENCE) as client:
        yield client


async def test_no_request_is_lost_while_versions_follow_each_other(pages, served, http):
    answers = set()
    going = True

    async def over_one_connection():
        while going:
            answers.add((await http.get("/")).text)

    async def over_new_connections():
        while going:
            async with httpx.AsyncClient(base_url=url_of(served), timeout=PATIENCE) as client:
                answers.add((await client.get("/")).text)

    callers = [asyncio.create_task(call()) for call in (over_one_connection, over_one_connection, over_new_connections)]
    for version in ("2", "3"):
        pages.write(version)
        await until(lambda version=version: version in answers, f"version {version}")
    going = False
    await asyncio.gather(*callers)

    assert answers == {"1", "2", "3"}
    assert served.terminate() == 0


async def test_a_service_that_gets_another_name_is_found_under_it(pages, served, http):
    assert (await http.get("/")).text == "1"
    pages.configure("renamed")
    pages.write(4)

    async def text():
        # What was on its way to the old name waits there for a worker until its deadline.
        answer = await http.get("/", headers={"X-Callyard-Timeout": "0.5"})
        return answer.text

    for _ in range(100):
        if await text() == "4":
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("the service is not found under its new name")
    assert served.terminate() == 0


async def test_a_request_that_began_ends_in_its_version_and_before_the_end(pages, served, http, tmp_path):
    gate = tmp_path / "gate"
    held = asyncio.create_task(http.get(f"/?{gate}"))
    pages.write(2)

    async def version():
        return (await http.get("/")).text

    while await version() != "2":
        assert not held.done()
    last = asyncio.create_task(http.get(f"/?{gate}"))
    await version()
    served.signal(signal.SIGTERM)
    gate.touch()

    assert ((await held).text, (await last).text) == ("1", "2")
    assert served.ended() == 0


async def test_requests_wait_for_a_service_that_is_broken_at_the_start(place, pages):
    (pages.folder / "pages.py").write_text("class Default(:\n")
    worker = place.workers.start(pages.folder, "--reload", "--http", "127.0.0.1:0")
    await until(lambda: any("waiting for a change" in line for line in worker.errors), "the wait")
    async with httpx.AsyncClient(base_url=url_of(worker), timeout=PATIENCE) as client:
        waiting = asyncio.create_task(client.get("/"))
        pages.write(7)
        assert (await waiting).text == "7"


async def test_two_signals_end_it_at_once(served, http, tmp_path):
    held = asyncio.create_task(http.get(f"/?{tmp_path / 'never'}"))
    assert (await http.get("/")).text == "1"
    served.signal(signal.SIGTERM)
    await until(lambda: not listens(url_of(served)), "the end of listening")
    served.signal(signal.SIGTERM)

    assert served.ended() == Exit.GRACE_EXCEEDED
    with pytest.raises(httpx.HTTPError):
        (await held).raise_for_status()


async def test_an_address_that_was_asked_for_and_is_taken_is_an_error(place, pages):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = place.workers.start(pages.folder, "--reload", "--http", f"127.0.0.1:{taken.getsockname()[1]}")
        assert worker.ended() == 2
    assert re.search(r"Cannot listen at 127\.0\.0\.1:\d+", "".join(worker.errors))


async def test_dev_answers_http_where_it_can(pages):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        except OSError:
            # Somebody else has it, which is as good.
            taken.close()
        worker = WorkerProcess("dev", pages.folder, environment={"CALLYARD_GRACE": "1s"})
        try:
            worker.ready()
            assert any(line.startswith("no HTTP: Cannot listen at 127.0.0.1:8787") for line in worker.errors)
        finally:
            code = worker.terminate()
    assert code == 0

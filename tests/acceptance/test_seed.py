"""Every sample of the seed's page runs as it stands there, with its configuration in both notations."""

import re
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from broker.http import Response
from client import Services, connect
from tests.support.gateways import GatewayProcess
from tests.support.workers import ROOT, Workers, workers_on

pytestmark = pytest.mark.redis

SAMPLES = Path(__file__).parent / "seed"
LOGO = ROOT / "examples" / "images" / "image_service" / "public" / "images" / "logo.png"
NOTATIONS = ("wrangler.toml", "wrangler.jsonc")
FOLDERS = sorted(file.parent.name for file in SAMPLES.glob("*/wrangler.toml"))

PUBLISHED = dict(
    re.findall(r"^## (\S+)\n\n```\n(.*?)\n```$", (SAMPLES / "published.md").read_text(), re.MULTILINE | re.DOTALL)
)
"""File to its text on the page, whose line breaks were lost: an empty line became one line break, others none."""

WORKER_A = "worker_a/src/workerA.py"


def flat(text: str) -> str:
    """The text as the page shows it."""
    return "\n".join(part.replace("\n", "") for part in text.strip().split("\n\n"))


def folder_of(name: str, notation: str, parent: Path) -> Path:
    """The service *name*, configured in one *notation*."""
    other = next(file for file in NOTATIONS if file != notation)
    copied = shutil.copytree(SAMPLES / name, parent / name, ignore=shutil.ignore_patterns(other))
    if name == "image_service":
        (copied / "public" / "images").mkdir(parents=True)
        shutil.copy(LOGO, copied / "public" / "images" / "logo.png")
    return copied


@pytest.fixture(scope="module", params=NOTATIONS)
def running(
    request: pytest.FixtureRequest, redis_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Workers of all samples, each service in a process of its own."""
    parent = tmp_path_factory.mktemp("seed")
    with workers_on(redis_server, f"test-{secrets.token_hex(4)}") as workers:
        started = [workers.start(folder_of(name, request.param, parent)) for name in FOLDERS]
        for worker in started:
            worker.ready()
        yield workers


@pytest.fixture
async def services(running: Workers) -> AsyncIterator[Services]:
    async with connect(running.url, prefix=running.prefix) as services:
        yield services


@pytest.fixture
def gateway(running: Workers) -> Iterator[str]:
    """The URL of Worker A for browsers."""
    process = GatewayProcess("--broker", running.url, "--prefix", running.prefix, "--route", "/=worker_a")
    try:
        yield process.listening()
    finally:
        process.close()


async def text_of(response: Response) -> str:
    assert response.status == 200
    return await response.text()


@pytest.mark.parametrize("file", [file for file in PUBLISHED if file != WORKER_A])
def test_a_sample_is_what_the_page_shows(file):
    assert flat((SAMPLES / file).read_text()) == PUBLISHED[file]


def test_only_the_lost_indentation_of_worker_a_was_given_back():
    lost = flat((SAMPLES / WORKER_A).read_text()).replace("        return Response(", "    return Response(")

    assert lost == PUBLISHED[WORKER_A]


def test_every_configuration_and_module_of_the_page_is_here():
    suffixes = [Path(file).suffix for file in PUBLISHED]

    assert {suffix: suffixes.count(suffix) for suffix in suffixes} == {".jsonc": 5, ".toml": 5, ".py": 7}


async def test_worker_b_adds(services):
    assert await services.worker_b.add(1, 2) == 3


async def test_worker_b_answers_requests(services):
    assert await text_of(await services.worker_b.fetch("https://any.example/")) == "Hello from Worker B"


async def test_worker_a_calls_worker_b_through_its_binding(services):
    assert await text_of(await services.worker_a.fetch("https://any.example/")) == "Result: 3"


async def test_a_browser_sees_what_worker_a_got_from_worker_b(gateway):
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(gateway)).text == "Result: 3"


async def test_the_class_of_the_page_takes_what_comes(services):
    assert await services.adder.add("1", "2") == "12"


async def test_the_greeting_is_a_variable_of_the_configuration(services):
    assert await services.service("my-worker").greet("World") == "HelloWorld"
    assert await text_of(await services.service("my-worker").fetch("https://any.example/")) == "Hello from my-worker"


async def test_signup_succeeds(services):
    assert await services.signup.signup("ann@example.com", "Ann") == "Success"


async def test_the_task_that_signup_left_behind_is_out_of_reach(services):
    with pytest.raises(TypeError, match="_send_event"):
        await services.signup._send_event("signup", "ann@example.com")


async def test_the_image_comes_from_the_assets_over_rpc(services):
    response = await services.service("image-service", entrypoint="ImageWorker").getImage("/images/logo.png")

    assert response.headers["content-type"] == "image/png"
    assert await response.bytes() == LOGO.read_bytes()


async def test_the_caller_of_the_image_service_passes_the_image_on(services):
    response = await services.gallery.fetch("https://any.example/")

    assert await response.bytes() == LOGO.read_bytes()


async def test_the_to_do_application_creates_users_and_keeps_their_tasks(services):
    app = services.service("todo-app")
    users = services.service("todo-app", entrypoint="UserEntrypoint")

    assert await text_of(await app.fetch("https://any.example/")) == "Hello from my to do app"
    assert await text_of(await services.service("admin-app").fetch("https://any.example/")) == "Hello from admin app"
    await users.create_task(1, "water the plants")
    found = await users.get_tasks(1)
    assert (found["success"], found["results"]) == (True, [{"title": "water the plants"}])


async def test_an_entrypoint_for_each_role_has_the_methods_of_its_role_alone(services):
    admin = services.service("todo-app", entrypoint="AdminEntrypoint")
    await admin.create_user("bob")
    await admin.delete_user("bob")

    with pytest.raises(AttributeError, match="create_user"):
        await services.service("todo-app", entrypoint="UserEntrypoint").create_user("eve")
    with pytest.raises(AttributeError, match="get_tasks"):
        await admin.get_tasks(1)

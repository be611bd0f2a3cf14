"""Assets served by real workers: over RPC, over a binding's fetch, in front of a service, and alone."""

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from broker.http import Request
from client import MethodNotFound, Services, connect
from client.gateway import Gateway
from tests.support.workers import ROOT, Workers, service_folder, workers_on

IMAGES = ROOT / "examples" / "images"
LOGO = IMAGES / "image_service" / "public" / "images" / "logo.png"


def site_folder(parent: Path, module: str | None, name: str, **assets) -> Path:
    if module is None:
        (parent / name).mkdir()
        configuration = {"name": name, "assets": {"directory": "public", **assets}}
        (parent / name / "wrangler.jsonc").write_text(json.dumps(configuration))
    else:
        service_folder(parent, module, name=name, assets={"directory": "public", **assets})
    public = parent / name / "public"
    public.mkdir()
    (public / "index.html").write_text("<p>home")
    (public / "about.html").write_text("<p>about")
    (public / "_redirects").write_text("/old /about 301\n")
    (public / "large.bin").write_bytes(b"x" * (2 << 20))
    return parent / name


@pytest.fixture(scope="module")
def running(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    parent = tmp_path_factory.mktemp("sites")
    with workers_on(redis_server, f"test-{secrets.token_hex(4)}") as workers:
        workers.serve(
            IMAGES / "image_service",
            IMAGES / "gallery",
            site_folder(parent, "pages", "site", binding="ASSETS", not_found_handling="single-page-application"),
            site_folder(parent, "pages", "first", binding="ASSETS", run_worker_first=["/api/*", "!/api/docs/*"]),
            site_folder(parent, "plain_pages", "plain"),
            site_folder(parent, None, "alone", not_found_handling="404-page"),
        )
        yield workers


@pytest.fixture
async def services(running: Workers) -> AsyncIterator[Services]:
    async with connect(running.url, prefix=running.prefix) as services:
        yield services


async def test_the_image_of_the_seed_arrives_over_rpc(services):
    images = services.service("image-service", entrypoint="ImageWorker")

    response = await images.get_image("/images/logo.png")

    assert (response.status, await response.bytes()) == (200, LOGO.read_bytes())
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert (await images.get_image("/images/../../src/images.py")).status == 404
    assert (await images.get_image("/images/..%2f..%2fsrc%2fimages.py")).status == 404


async def test_the_image_arrives_through_the_binding_of_another_service(services):
    response = await services.gallery.fetch("https://gallery.example/")

    assert response.headers["content-type"] == "image/png"
    assert await response.bytes() == LOGO.read_bytes()


async def test_a_default_entrypoint_that_is_not_there_is_the_assets(services):
    images = services.service("image-service")

    whole = await images.fetch("https://any.host/images/logo.png")
    known = await images.fetch("https://any.host/images/logo.png", headers={"if-none-match": whole.headers["etag"]})

    assert (whole.status, await whole.bytes()) == (200, LOGO.read_bytes())
    assert (known.status, known.body) == (304, None)
    with pytest.raises(MethodNotFound):
        await images.get_image("/images/logo.png")


async def test_assets_answer_before_the_fetch_of_the_service_and_the_service_gets_the_rest(services):
    about = await services.site.fetch("https://h/about")
    moved = await services.site.fetch("https://h/old?q=1", redirect="manual")
    refused = await services.site.fetch("https://h/about", method="POST", body="x")
    own = await services.site.fetch("https://h/api?q=1", method="POST", body="the body")
    page = await services.site.fetch(Request("https://h/deep/link", headers={"sec-fetch-mode": "navigate"}))

    assert (await about.text(), about.headers["content-type"]) == ("<p>about", "text/html; charset=utf-8")
    assert (moved.status, moved.headers["location"]) == (301, "/about?q=1")
    assert refused.status == 405
    assert (await own.text(), own.headers["x-body"]) == ("the service at https://h/api?q=1", "the body")
    assert await page.text() == "<p>home"


async def test_rules_let_the_service_run_first(services):
    assert (await services.first.fetch("https://h/api/about")).headers["x-body"] == ""
    assert (await services.first.fetch("https://h/api/docs/x")).headers.get("x-body", "none") == "none"
    assert await (await services.first.fetch("https://h/about")).text() == "<p>about"


async def test_only_requests_to_the_default_entrypoint_pass_the_assets(services):
    named = services.service("site", entrypoint="Named")

    assert await (await named.fetch("https://h/about")).text() == "the named one"
    with pytest.raises(MethodNotFound, match=r"Handler does not export a fetch\(\) function"):
        await services.service("site", entrypoint="Silent").fetch("https://h/about")
    assert await services.site.where() is False


async def test_the_binding_asks_the_assets_alone(services):
    page = await services.site.own_assets("https://h/api")
    head = await services.first.own_assets("https://h/", method="HEAD")
    gone = await services.first.own_assets("https://h/api/x")

    assert (page.status, await page.text()) == (200, "<p>home")
    assert (head.status, head.body) == (200, None)
    assert gone.status == 404


async def test_a_plain_fetch_still_runs_in_a_thread_behind_the_assets(services):
    assert await (await services.plain.fetch("https://h/about")).text() == "<p>about"
    assert await (await services.plain.fetch("https://h/x")).text() == "a thread"


async def test_a_service_may_be_assets_and_nothing_else(services):
    home = await services.alone.fetch("https://h/")
    gone = await services.alone.fetch("https://h/gone")

    assert await home.text() == "<p>home"
    assert gone.status == 404
    with pytest.raises(MethodNotFound):
        await services.alone.add(1, 2)


@pytest.mark.parametrize("name", ["alone", "plain"])
async def test_an_asset_above_the_message_limit_comes_in_pieces(services, name):
    response = await services.service(name).fetch("https://h/large.bin")

    assert response.headers["content-length"] == str(2 << 20)
    assert {bytes(set(piece)) async for piece in response.body} == {b"x"}
    assert (await services.service(name).fetch("https://h/large.bin", method="HEAD")).status == 200


async def test_a_large_asset_passes_the_gateway_with_its_length(services):
    transport = httpx.ASGITransport(Gateway(services, routes={"/": "alone"}))
    async with httpx.AsyncClient(transport=transport, base_url="http://h", timeout=20) as web:
        response = await web.get("/large.bin")

    assert (response.headers["content-length"], response.content) == (str(2 << 20), b"x" * (2 << 20))

"""The gateway by `curl`: what a person does with it at the command line."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.curls import curl, curling, ended
from tests.support.gateways import GatewayProcess

MEGABYTE = 1 << 20


class Desk:
    """A gateway with a site and a directory of files behind it."""

    def __init__(self, place, url: str, public: Path) -> None:
        self.place = place
        self.diary = place.diary
        self.url = url
        self.public = public


def files_folder(parent: Path) -> Path:
    folder = parent / "files"
    (folder / "public" / "deep").mkdir(parents=True)
    configuration = {"name": "files", "assets": {"directory": "public"}}
    (folder / "wrangler.jsonc").write_text(json.dumps(configuration), encoding="utf-8")
    (folder / "secret.txt").write_text("the secret", encoding="utf-8")
    (folder / "public" / "page.html").write_text("<p>page", encoding="utf-8")
    (folder / "public" / "deep" / "small.txt").write_text("small", encoding="utf-8")
    (folder / "public" / "large.bin").write_bytes(bytes(3 * MEGABYTE))
    return folder


@pytest.fixture(scope="module")
def desk(site) -> Iterator[Desk]:
    folder = files_folder(site.folder)
    site.workers.serve(folder)
    routes = ("--route", "/=site", "--route", "files.example/=files")
    gateway = GatewayProcess("--broker", site.url, "--prefix", site.prefix, *routes)
    try:
        yield Desk(site, gateway.listening(), folder / "public")
    finally:
        gateway.close()


async def test_a_page_is_fetched(desk):
    got = await curl("-i", f"{desk.url}/echo?a=%C3%BC")
    head, _, body = got.text.partition("\r\n\r\n")

    assert (got.code, head.partition("\r\n")[0]) == (0, "HTTP/1.1 200 OK")
    assert json.loads(body)["url"] == f"{desk.url}/echo?a=%C3%BC"


async def test_a_form_with_a_file_is_posted(desk, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(bytes(200_000))

    got = await curl("-F", "a=1 2", "-F", f"f=@{tmp_path}/photo.jpg;type=image/jpeg", f"{desk.url}/form")

    assert json.loads(got.output) == {"a": "1 2", "f": "photo.jpg"}


async def test_what_comes_through_a_pipe_is_uploaded_while_it_comes(desk):
    process = await curling("-X", "POST", "-T", "-", f"{desk.url}/sum")
    assert process.stdin is not None
    process.stdin.write(bytes(131_072))
    await desk.diary.says("read 131072")

    assert (await ended(process, b"the end")).output == b"131079"


async def test_a_download_is_shown_while_it_comes(desk):
    process = await curling("-N", f"{desk.url}/drip?gate=curl")
    assert process.stdout is not None
    assert await process.stdout.readexactly(5) == b"first"
    desk.place.open("curl")

    assert (await ended(process)).output == b"last"


async def test_one_who_speaks_http_1_0_gets_a_stream_too(desk):
    desk.place.open("old")

    assert (await curl("-0", f"{desk.url}/drip?gate=old")).output == b"firstlast"


async def test_a_response_that_breaks_off_is_an_error(desk):
    desk.place.open("broken")
    got = await curl(f"{desk.url}/drip?gate=broken&fail=1")

    assert (got.code, got.output) == (18, b"first")


@pytest.mark.parametrize("path", ["page", "deep/small.txt", "large.bin"])
async def test_the_head_of_a_file_has_the_fields_that_the_file_has(desk, path):
    async def fields(*flags: str) -> list[str]:
        got = await curl(*flags, "-H", "Host: files.example", f"{desk.url}/{path}")
        lines = got.text.lower().strip().split("\r\n")
        return sorted(line for line in lines if not line.startswith(("date:", "x-request-id:")))

    of_head = await fields("-I")

    assert of_head == await fields("-D", "-", "-o", "/dev/null")
    assert f"content-length: {(desk.public / path.replace('page', 'page.html')).stat().st_size}" in of_head


async def test_a_page_that_no_message_holds_is_a_page_like_any_other(desk):
    shown = ("-D", "-", "-o", "/dev/null", "-w", "%{size_download}")
    got = await curl(*shown, f"{desk.url}/large?size=2500000")
    head = await curl("-I", f"{desk.url}/large?size=2500000")

    assert got.text.endswith("\r\n\r\n2500000")
    assert "content-length: 2500000\r\n" in got.text
    assert "content-length: 2500000\r\n" in head.text


async def test_a_redirect_is_followed_when_asked_for(desk):
    led = await curl("-L", "-w", " %{num_redirects} %{url_effective}", f"{desk.url}/hop?left=2&to=")
    not_led = await curl("-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", f"{desk.url}/hop?left=1&to=")

    assert led.text == f"GET manual None  2 {desk.url}/hop?left=0&to="
    assert not_led.text == f"302 {desk.url}/hop?left=0&to="


async def test_a_post_that_is_sent_on_with_307_keeps_its_body(desk):
    got = await curl("-L", "-d", "the body", f"{desk.url}/hop?left=1&to=&status=307")

    assert got.text == "POST manual None the body"


@pytest.mark.parametrize("leaving", ["by its own clock", "by the keyboard", "by force"])
async def test_one_who_waits_no_longer_cancels_the_call(desk, leaving):
    held, cancelled = desk.diary.lines.count("held"), desk.diary.lines.count("cancelled")
    limit = ["--max-time", "0.5"] if leaving == "by its own clock" else []
    process = await curling(*limit, f"{desk.url}/hold?gate=never")
    await desk.diary.says("held", held + 1)
    if not limit:
        process.send_signal(signal.SIGINT if leaving == "by the keyboard" else signal.SIGKILL)
    await desk.diary.says("cancelled", cancelled + 1)

    assert (await ended(process)).code in (28, -signal.SIGINT, -signal.SIGKILL)


async def test_two_addresses_are_fetched_over_one_connection(desk):
    shown = ("-w", "%{num_connects} %{http_code}\n")
    urls = (f"{desk.url}/echo", f"{desk.url}/large?size=100000", f"{desk.url}/redirect", f"{desk.url}/back")
    got = await curl(*shown, *[word for url in urls for word in ("-o", "/dev/null", url)])

    assert got.text.split("\n") == ["1 200", "0 200", "0 302", "0 200", ""]


async def test_two_hundred_are_fetched_fifty_at_a_time(desk):
    parallel = ("-Z", "--parallel-max", "50", "-w", "%{http_code}\n", "-o", "/dev/null")

    got = await curl(*parallel, f"{desk.url}/back?[1-200]")

    assert (got.code, got.text.split()) == (0, ["200"] * 200)


async def test_a_large_body_is_sent_once_the_gateway_wants_it(desk, tmp_path):
    (tmp_path / "large").write_bytes(bytes(2 * MEGABYTE))
    expecting = ("-v", "-H", "Expect: 100-continue", "--expect100-timeout", "15")

    got = await curl(*expecting, "--data-binary", f"@{tmp_path}/large", f"{desk.url}/sum")

    assert got.text == str(2 * MEGABYTE)
    assert "HTTP/1.1 100 Continue" in got.errors


async def test_a_body_that_is_too_large_is_refused_before_it_is_sent(desk, tmp_path):
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(101 * MEGABYTE)
    expecting = ("-H", "Expect: 100-continue", "--expect100-timeout", "15", "-o", "/dev/null")

    got = await curl(*expecting, "-w", "%{http_code} %{size_upload}", "-T", f"{tmp_path}/huge", f"{desk.url}/sum")

    assert got.text == "413 0"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt", "/deep/../../secret.txt", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "//../secret.txt",
        "/deep/..%5c..%5csecret.txt", "/deep/%2e%2e%2f%2e%2e%2fsecret.txt", "/../wrangler.jsonc", "/....//secret.txt",
    ],
)  # fmt: skip
async def test_no_path_leads_out_of_the_directory_of_assets(desk, path):
    got = await curl("--path-as-is", "-w", "%{http_code}", "-H", "Host: files.example", f"{desk.url}{path}")

    assert "secret" not in got.text.replace("secret.txt", "")
    assert "assets" not in got.text
    assert got.text[-3:] in ("404", "400", "307")


async def test_a_path_that_leads_out_and_in_again_is_the_page(desk):
    got = await curl("--path-as-is", "-H", "Host: files.example", f"{desk.url}/../deep/../page")

    assert got.text == "<p>page"


def test_failing_without_curl_is_loud_where_ci_runs(monkeypatch):
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PATH", "")

    with pytest.raises(pytest.fail.Exception, match="no curl"):
        asyncio.run(curl("-V"))

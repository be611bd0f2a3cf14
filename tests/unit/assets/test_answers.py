"""Answers of a directory: status, headers, bodies, methods, canonical paths."""

import asyncio

import pytest

from broker.errors import PayloadTooLarge
from broker.http import Request
from worker_runtime.assets.binding import Assets
from worker_runtime.assets.directory import LARGEST_FILE
from worker_runtime.assets.site import Site


def test_a_file_is_answered_with_type_hash_and_caching(put, ask):
    put("/a.css")

    response = ask("/a.css")

    assert (response.status, response.body) == (200, b"this is /a.css")
    assert response.headers["content-type"] == "text/css; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert response.headers["etag"].startswith('"')
    assert not response.headers["etag"].startswith("W/")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/a.html", "text/html; charset=utf-8"),
        ("/a.JS", "text/javascript; charset=utf-8"),
        ("/a.json", "application/json"),
        ("/a.png", "image/png"),
        ("/a.svg", "image/svg+xml"),
        ("/a.woff2", "font/woff2"),
        ("/a.wasm", "application/wasm"),
        ("/a.tar.gz", "application/gzip"),
        ("/a.unheard", None),
        ("/plain", None),
    ],
)
def test_the_content_type_follows_from_the_ending(put, ask, path, kind):
    put(path)

    assert ask(path, html="none").headers.get("content-type") == kind


def test_an_empty_file_is_an_empty_body(public, ask):
    (public / "empty.txt").touch()

    assert (ask("/empty.txt").status, ask("/empty.txt").body) == (200, b"")


def test_nothing_is_a_404_with_an_empty_body(ask):
    response = ask("/gone")

    assert (response.status, response.body, len(response.headers)) == (404, None, 0)


@pytest.mark.parametrize("weak", ["", "W/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_known_hash_is_answered_with_304_and_no_body(put, ask, weak, method):
    put("/a.txt")
    etag = ask("/a.txt").headers["etag"]

    response = ask("/a.txt", method=method, if_none_match=weak + etag)

    assert (response.status, response.body, response.headers["etag"]) == (304, None, etag)


def test_another_hash_is_answered_whole(put, ask):
    put("/a.txt")

    assert ask("/a.txt", if_none_match='"other"').status == 200


def test_head_has_the_headers_and_no_body(put, ask):
    put("/a.txt")

    head, get = ask("/a.txt", method="HEAD"), ask("/a.txt")

    assert (head.status, head.body) == (200, None)
    assert head.headers == get.headers
    assert head.headers["content-length"] == str(len(get.body))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_other_methods_are_refused_only_where_there_is_something(put, ask, method):
    put("/a.txt", "/page.html")

    assert (ask("/a.txt", method=method).status, ask("/a.txt", method=method).body) == (405, None)
    assert ask("/a.txt", method=method).headers["allow"] == "GET, HEAD"
    assert ask("/page.html", method=method).status == 405
    assert ask("/gone", method=method).status == 404


@pytest.mark.parametrize("header", ["authorization", "range"])
def test_what_is_private_or_partial_is_not_to_be_cached(put, ask, header):
    put("/a.txt")

    response = ask("/a.txt", **{header: "bytes=0-1"})

    assert (response.status, response.body) == (200, b"this is /a.txt")
    assert "cache-control" not in response.headers


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/[a].txt", "/%5Ba%5D.txt"),
        ("/%5ba%5d.txt", "/%5Ba%5D.txt"),
        ("/%5Ba].txt?x=1&y", "/%5Ba%5D.txt?x=1&y"),
        ("//d//b.txt", "/d/b.txt"),
        ("/d%2Fb.txt", "/d/b.txt"),
        ("/d/%62.txt", "/d/b.txt"),
        ("/%64%2f%2f%2fb.txt", "/d/b.txt"),
    ],
)
def test_a_path_that_is_written_otherwise_leads_to_the_canonical_one(put, ask, path, to):
    put("/[a].txt", "/d/b.txt")

    response = ask(path)

    assert (response.status, response.headers["location"], response.body) == (307, to, None)
    assert ask(to).status == 200


def test_names_of_any_alphabet_are_served_at_their_encoded_path(put, ask):
    put("/ü b.txt")

    assert ask("/%C3%BC%20b.txt").body == "this is /ü b.txt".encode()
    assert ask("/ü b.txt").status == 200  # the URL of a request is encoded already
    assert ask("/%c3%bc%20b.txt").headers["location"] == "/%C3%BC%20b.txt"


def test_a_name_with_percent_signs_is_served_at_the_path_that_is_encoded_twice(put, ask):
    put("/%5Ba%5D.txt")

    assert ask("/%255Ba%255D.txt").status == 200
    assert ask("/%5Ba%5D.txt").status == 404


def test_what_is_no_encoding_stays_as_it_is(put, ask):
    put("/100%.txt", "/%ff.txt")

    assert ask("/100%.txt").headers["location"] == "/100%25.txt"
    assert ask("/100%25.txt").status == 200
    assert ask("/%ff.txt").headers["location"] == "/%25ff.txt"


def test_one_redirect_goes_to_the_page_and_keeps_the_query(put, ask):
    put("/[a].html")

    assert ask("/[a].html?q=%20").headers["location"] == "/%5Ba%5D?q=%20"


def test_the_host_and_the_scheme_mean_nothing(put, public):
    put("/a.txt")
    site = Site.open(public, "auto-trailing-slash", "none")

    for url in ("http://x/a.txt", "https://user:pw@other.example:99/a.txt?q#f", "ftp://127.0.0.1/a.txt"):
        assert site.answer(Request(url)).status == 200


def test_a_404_page_has_its_body_and_its_hash(put, ask):
    put("/404.html", "/d/404.html")

    response = ask("/d/e/gone", not_found="404-page")

    assert (response.status, response.body) == (404, b"this is /d/404.html")
    assert ask("/d/gone", not_found="404-page", if_none_match=response.headers["etag"]).status == 304
    assert ask("/gone", not_found="404-page", method="POST").status == 405


def test_the_hash_follows_the_content(put, ask, public):
    put("/a.txt", "/b.txt")
    site = Site.open(public, "auto-trailing-slash", "none")
    before = site.answer(Request("https://h/a.txt")).headers["etag"]
    assert ask("/b.txt").headers["etag"] != before

    for text in ("one", "two", "three!"):
        (public / "a.txt").write_text(text)
        response = site.answer(Request("https://h/a.txt"))
        assert response.body == text.encode()
        assert response.headers["etag"] != before
        before = response.headers["etag"]


def test_files_of_the_same_content_and_ending_have_the_same_hash(put, public, ask):
    (public / "a.txt").write_text("same")
    (public / "b.txt").write_text("same")
    (public / "c.md").write_text("same")

    a, b, c = (ask(path).headers["etag"] for path in ("/a.txt", "/b.txt", "/c.md"))

    assert a == b != c


async def test_a_file_may_have_25_mib_and_no_byte_more(public, ask):
    with (public / "big.bin").open("wb") as file:
        file.truncate(LARGEST_FILE)
    assert len(await ask("/big.bin").bytes()) == LARGEST_FILE

    with (public / "big.bin").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    with pytest.raises(PayloadTooLarge, match=r"The asset 'big.bin' has more than 25 MiB\."):
        ask("/big.bin")


def test_the_binding_takes_a_request_or_a_url_with_options(put, public):
    put("/a.txt")
    assets = Assets(Site.open(public, "auto-trailing-slash", "none"))

    async def fetch_all():
        return [
            await assets.fetch("https://assets.local/a.txt"),
            await assets.fetch(Request("https://assets.local/a.txt")),
            await assets.fetch("https://assets.local/a.txt", method="POST"),
            await assets.fetch(Request("https://assets.local/a.txt"), method="HEAD"),
        ]

    whole, same, refused, head = asyncio.run(fetch_all())

    assert (whole.body, same.body) == (b"this is /a.txt", b"this is /a.txt")
    assert (refused.status, head.status, head.body) == (405, 200, None)
    with pytest.raises(ValueError, match="Invalid URL"):
        asyncio.run(assets.fetch("/a.txt"))


def test_reading_files_leaves_the_event_loop_free(public, tmp_path):
    class Slow(Site):
        def __init__(self):
            pass

        def answer(self, request):
            return asyncio.run_coroutine_threadsafe(beat(), loop).result(10)

    async def beat():
        return "the loop went on"

    async def main():
        nonlocal loop
        loop = asyncio.get_running_loop()
        return await Assets(Slow()).fetch("https://h/")

    loop: asyncio.AbstractEventLoop

    assert asyncio.run(main()) == "the loop went on"

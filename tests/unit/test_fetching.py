"""Redirects: which request follows which response."""

import pytest

from broker.http import Request, Response
from client.fetching.redirects import MOST_REDIRECTS, follow, next_request

HERE = "https://a.example/x/y?q"


def redirect(location="/z", status=302, **headers):
    return Response(None, status, headers={"location": location, **headers})


class TestTheNextRequest:
    @pytest.mark.parametrize(
        ("location", "url"),
        [
            ("/z", "https://a.example/z"),
            ("z?r", "https://a.example/x/z?r"),
            ("//b.example", "https://b.example/"),
            ("http://b.example:80/", "http://b.example/"),
            ("?r", "https://a.example/x/y?r"),
        ],
    )
    def test_the_location_is_seen_from_where_the_request_went(self, location, url):
        assert next_request(Request(HERE), redirect(location)).url == url

    def test_a_fragment_stays_unless_there_is_another(self):
        assert next_request(Request(f"{HERE}#f"), redirect("/z")).url == "https://a.example/z#f"
        assert next_request(Request(f"{HERE}#f"), redirect("/z#g")).url == "https://a.example/z#g"

    @pytest.mark.parametrize(
        ("status", "method", "onward", "body"),
        [
            (301, "POST", "GET", None),
            (302, "POST", "GET", None),
            (303, "POST", "GET", None),
            (303, "PUT", "GET", None),
            (301, "PUT", "PUT", b"x"),
            (302, "DELETE", "DELETE", b"x"),
            (307, "POST", "POST", b"x"),
            (308, "POST", "POST", b"x"),
        ],
    )
    def test_the_status_decides_about_method_and_body(self, status, method, onward, body):
        request = Request(HERE, method=method, body="x", headers={"content-length": "1", "x-own": "1"})
        found = next_request(request, redirect(status=status))

        assert (found.method, found.body, found.headers["x-own"]) == (onward, body, "1")
        assert ("content-type" in found.headers) == ("content-length" in found.headers) == (body is not None)

    def test_head_stays_head(self):
        assert next_request(Request(HERE, method="HEAD"), redirect(status=303)).method == "HEAD"

    @pytest.mark.parametrize(
        ("location", "kept"),
        [
            ("/z", True),
            ("https://a.example:443/", True),
            ("http://a.example/", False),
            ("https://a.example:444/", False),
            ("https://b.example/", False),
            ("https://a.example.b.example/", False),
        ],
    )
    def test_secrets_do_not_go_to_another_origin(self, location, kept):
        secrets = {"Authorization": "Bearer x", "Cookie": "a=1", "Proxy-Authorization": "y", "X-Own": "1"}
        found = next_request(Request(HERE, headers=secrets), redirect(location))

        assert [name in found.headers for name in ("authorization", "cookie", "proxy-authorization")] == [kept] * 3
        assert found.headers["x-own"] == "1"

    @pytest.mark.parametrize(
        "response",
        [Response("x"), Response(None, 302), redirect(status=304), redirect(status=300), redirect(status=201)],
    )
    def test_what_leads_nowhere_is_the_answer(self, response):
        assert next_request(Request(HERE), response) is None

    def test_manual_gets_the_redirect_and_error_an_error(self):
        assert next_request(Request(HERE, redirect="manual"), redirect()) is None
        assert next_request(Request(HERE, redirect="error"), Response("x")) is None
        with pytest.raises(TypeError, match="redirect 'error'"):
            next_request(Request(HERE, redirect="error"), redirect())

    def test_a_location_that_is_no_url_is_an_error(self):
        with pytest.raises(TypeError, match="no URL"):
            next_request(Request(HERE), redirect("http://"))

    def test_a_body_that_comes_piece_by_piece_is_not_sent_twice(self):
        async def pieces():
            yield b"x"

        def request():
            return Request(HERE, method="POST", body=pieces())

        with pytest.raises(TypeError, match="piece by piece"):
            next_request(request(), redirect(status=307))
        assert next_request(request(), redirect(status=303)).body is None


class Site:
    """Answers requests from a list, and notes them."""

    def __init__(self, *responses):
        self.responses = list(responses)
        self.seen = []

    async def __call__(self, request, hops):
        assert hops == len(self.seen)
        self.seen.append((str(request.method), request.url, await request.text(), request.redirect))
        return self.responses.pop(0)


class TestFollowing:
    async def test_it_goes_on_until_there_is_an_answer(self):
        site = Site(redirect("/b", 307), redirect("/c", 303), Response("done"))
        response = await follow(site, Request("http://h/a", method="POST", body="x"))

        assert (await response.text(), response.url) == ("done", "http://h/c")
        assert site.seen == [
            ("POST", "http://h/a", "x", "manual"),
            ("POST", "http://h/b", "x", "manual"),
            ("GET", "http://h/c", "", "manual"),
        ]

    async def test_the_request_is_used_then(self):
        request = Request("http://h/a", method="POST", body="x")
        await follow(Site(Response("x"), Response("y")), request)

        assert request.body_used
        with pytest.raises(OSError, match="Body already used"):
            await follow(Site(), request)

    async def test_twenty_redirects_are_enough(self):
        enough = [redirect() for _ in range(MOST_REDIRECTS)]

        assert (await follow(Site(*enough, Response("x")), Request(HERE))).ok
        with pytest.raises(TypeError, match="more than 20 redirects"):
            await follow(Site(*[redirect() for _ in range(MOST_REDIRECTS + 1)]), Request(HERE))

    async def test_the_body_of_a_redirect_is_closed(self):
        stream = Source()
        await follow(Site(Response(stream, 302, headers={"location": "/z"}), Response("x")), Request(HERE))

        assert stream.closed


class Source:
    closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration

    async def aclose(self):
        self.closed = True

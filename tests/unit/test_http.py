"""Headers, requests and responses as services use them."""

from http import HTTPMethod, HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.http import Headers, Request, Response

NAMES = st.text("abcXYZ019-_.!", min_size=1, max_size=12)
VALUES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=30)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=8)


class TestHeaders:
    def test_names_ignore_case(self):
        headers = Headers({"Content-Type": "a"})

        assert headers["CONTENT-type"] == "a"
        assert "content-TYPE" in headers
        assert list(headers) == ["content-type"]

    def test_fields_of_one_name_are_joined(self):
        headers = Headers([("Accept", "a, b"), ("accept", "c")])

        assert headers["accept"] == "a, b, c"
        assert headers.get_all("ACCEPT") == ["a, b", "c"]

    def test_cookies_stay_apart(self):
        headers = Headers([("Set-Cookie", "a=1; Expires=Mon, 1"), ("b", "2"), ("set-cookie", "c=3")])

        assert list(headers.items()) == [("b", "2"), ("set-cookie", "a=1; Expires=Mon, 1"), ("set-cookie", "c=3")]
        assert len(headers.items()) == 3

    def test_iteration_is_sorted(self):
        assert list(Headers({"z": "1", "A": "2", "m": "3"})) == ["a", "m", "z"]

    def test_setting_replaces_every_field_of_the_name(self):
        headers = Headers([("a", "1"), ("A", "2")])
        headers["a"] = "3"

        assert headers.get_all("a") == ["3"]

    def test_deleting_removes_every_field_of_the_name(self):
        headers = Headers([("a", "1"), ("A", "2"), ("b", "3")])
        del headers["A"]

        assert dict(headers) == {"b": "3"}
        with pytest.raises(KeyError):
            del headers["a"]

    def test_a_missing_name_is_a_key_error_and_has_no_values(self):
        with pytest.raises(KeyError):
            Headers()["a"]
        assert Headers().get_all("a") == []
        assert 1 not in Headers()

    @pytest.mark.parametrize("value", ["a\r\nx: y", "a\nb", "a\rb", "a\0b"])
    def test_a_value_with_a_line_break_or_nul_is_refused(self, value):
        with pytest.raises(ValueError, match="line break or NUL"):
            Headers({"a": value})

    @pytest.mark.parametrize("name", ["", "a b", "a:b", "a\n", "é"])
    def test_a_name_that_is_no_token_is_refused(self, name):
        with pytest.raises(ValueError, match="Invalid header name"):
            Headers({name: "a"})

    @pytest.mark.parametrize("init", ["a: b", b"a", 5, [("a",)], ["ab"], {"a": 1}, {1: "a"}])
    def test_headers_are_made_from_text(self, init):
        with pytest.raises(TypeError):
            Headers(init)

    def test_headers_hold_a_bounded_number_of_fields(self):
        headers = Headers([("a", "x")] * 1024)

        with pytest.raises(ValueError, match="at most 1024"):
            headers.append("b", "x")
        with pytest.raises(ValueError, match="at most 1024"):
            headers["b"] = "x"
        headers["a"] = "y"
        assert headers.get_all("a") == ["y"]

    def test_white_space_around_a_value_is_dropped(self):
        assert Headers({"a": " b\t"})["a"] == "b"

    def test_copies_are_independent(self):
        headers = Headers({"a": "1"})
        twin = headers.copy()
        twin.append("a", "2")

        assert headers == Headers({"a": "1"})
        assert headers != twin
        assert headers != {"a": "1"}

    def test_repr_shows_the_fields(self):
        assert repr(Headers({"B": "1"})) == "Headers([('b', '1')])"

    @given(FIELDS)
    def test_headers_are_rebuilt_from_what_they_give(self, fields):
        assert Headers.load(Headers(fields).dump()) == Headers(fields)


class TestResponse:
    async def test_text_has_a_content_type(self):
        response = Response("grüße")

        assert response.headers["content-type"] == "text/plain;charset=UTF-8"
        assert await response.text() == "grüße"

    @pytest.mark.parametrize("body", [b"ab", bytearray(b"ab"), memoryview(b"ab")])
    async def test_bytes_have_none(self, body):
        response = Response(body)

        assert "content-type" not in response.headers
        assert await response.bytes() == b"ab"

    def test_a_given_content_type_stays(self):
        assert Response("<p>", headers={"Content-Type": "text/html"}).headers["content-type"] == "text/html"

    @pytest.mark.parametrize("body", [5, {"a": 1}, ["a"], object()])
    def test_other_bodies_are_refused(self, body):
        with pytest.raises(TypeError, match=f"Unsupported type in Response: {type(body).__name__}"):
            Response(body)

    def test_a_refused_dict_says_what_makes_a_body_of_it(self):
        with pytest.raises(TypeError, match=r"Response: dict\. Use Response\.json\(\)"):
            Response({"a": 1})
        with pytest.raises(TypeError, match=r"Request: dict\. Use json\.dumps\(\), or FormData\(\)"):
            Request("https://h/", method="POST", body={"a": 1})

    def test_nothing_makes_an_empty_response(self):
        response = Response()

        assert (response.status, response.status_text, response.body, response.ok) == (200, "OK", None, True)

    @pytest.mark.parametrize(("status", "ok"), [(200, True), (299, True), (300, False), (HTTPStatus.NOT_FOUND, False)])
    def test_ok_means_success(self, status, ok):
        assert Response(status=status).ok is ok

    @pytest.mark.parametrize("status", [0, 101, 199, 600, -1])
    def test_a_status_out_of_range_is_refused(self, status):
        with pytest.raises(ValueError, match="Invalid status code"):
            Response(status=status)

    @pytest.mark.parametrize("status", ["200", 2.0, True])
    def test_a_status_that_is_no_number_is_refused(self, status):
        with pytest.raises(TypeError):
            Response(status=status)

    def test_an_unknown_status_has_no_text(self):
        assert Response(status=299).status_text == ""
        assert Response(status=299, status_text="Fine").status_text == "Fine"

    def test_a_status_text_with_a_line_break_is_refused(self):
        with pytest.raises(ValueError, match="line break"):
            Response(status_text="a\r\nb: c")

    @pytest.mark.parametrize("status", [204, 205, 304])
    def test_some_statuses_have_no_body(self, status):
        assert Response(b"", status=status).body is None
        with pytest.raises(TypeError, match="null body status"):
            Response("x", status=status)

    async def test_a_body_is_read_once(self):
        response = Response("x")
        assert not response.body_used
        await response.text()

        assert response.body_used
        for read in (response.text, response.bytes, response.buffer, response.json):
            with pytest.raises(OSError, match="Body already used"):
                await read()
        with pytest.raises(OSError, match="Body already used"):
            response.clone()

    async def test_no_body_can_be_read_again(self):
        response = Response()

        assert (await response.text(), await response.bytes()) == ("", b"")

    async def test_a_buffer_is_a_view_of_the_body(self):
        assert bytes(await Response(b"ab").buffer()) == b"ab"

    async def test_text_drops_a_byte_order_mark_and_replaces_what_is_not_utf8(self):
        assert await Response(b"\xef\xbb\xbfa\xff").text() == "a�"

    @pytest.mark.parametrize("make", [Response.json, Response.from_json], ids=["json", "from_json"])
    async def test_json_makes_and_reads_a_response(self, make):
        response = make({"a": [1, None]}, status=201)

        assert response.status == 201
        assert response.headers["content-type"] == "application/json"
        assert response.body == b'{"a": [1, null]}'
        assert await response.json() == {"a": [1, None]}

    def test_json_keeps_a_given_content_type(self):
        response = Response.json([], headers={"Content-Type": "application/ld+json"})

        assert response.headers.get_all("content-type") == ["application/ld+json"]

    async def test_json_takes_the_options_of_json_loads(self):
        assert await Response("1.5").json(parse_float=str) == "1.5"
        with pytest.raises(ValueError, match="Expecting value"):
            await Response("no").json()

    def test_redirect_points_to_an_absolute_url(self):
        response = Response.redirect("https://Example.com", 307)

        assert (response.status, response.headers["location"]) == (307, "https://example.com/")

    @pytest.mark.parametrize(("url", "status"), [("/here", 302), ("https://a.b/", 200), ("https://a.b/", 304)])
    def test_a_redirect_that_leads_nowhere_is_refused(self, url, status):
        with pytest.raises(ValueError, match="Invalid"):
            Response.redirect(url, status)

    async def test_a_clone_is_read_on_its_own(self):
        response = Response("x", 201, headers={"a": "b"})
        clone = response.clone()

        assert await response.text() == "x"
        assert await clone.text() == "x"
        assert (clone.status, clone.headers) == (201, response.headers)
        assert clone.headers is not response.headers

    def test_a_copy_of_a_response_takes_no_options(self):
        with pytest.raises(ValueError, match="Expected no options"):
            Response(Response("x"), status=201)

    async def test_replacing_the_body_keeps_the_rest(self):
        response = Response("x", 201, "Made", {"content-type": "a/b"})
        other = response.replace_body("y")

        assert await other.text() == "y"
        assert (other.status, other.status_text, other.headers["content-type"]) == (201, "Made", "a/b")

    def test_repr_says_what_matters(self):
        text = "Response(status=200, status_text='OK', content_type='application/json')"

        assert repr(Response.json({})) == text

    async def test_a_response_is_rebuilt_from_what_it_gives(self):
        response = Response("x", 404, headers=[("set-cookie", "a"), ("set-cookie", "b")])
        response.url = "https://a.b/"
        twin = Response.load(response.dump())

        assert twin.dump() == response.dump()
        assert await twin.text() == "x"

    async def test_a_response_that_was_read_cannot_be_sent(self):
        response = Response("x")
        await response.text()

        with pytest.raises(ValueError, match="already used"):
            response.dump()

    @pytest.mark.parametrize(
        "wire",
        [None, [], [200, "", [], None], ["200", "", [], None, ""], [200, "", [], "x", ""], [99, "", [], None, ""]],
    )
    def test_what_is_no_response_is_not_read_as_one(self, wire):
        with pytest.raises((TypeError, ValueError)):
            Response.load(wire)


class TestRequest:
    @pytest.mark.parametrize(
        ("given_url", "url"),
        [
            ("https://test.com", "https://test.com/"),
            ("HTTPS://Test.COM:443/A?b#c", "https://test.com/A?b#c"),
            ("http://h:80", "http://h/"),
            ("http://h:8080", "http://h:8080/"),
            ("http://h?q=1", "http://h/?q=1"),
            ("http://h/a/../b/./c", "http://h/b/c"),
            ("http://h/a/%2E%2e/b/%2e", "http://h/b/"),
            ("http://h/a/b/..", "http://h/a/"),
            ("http://h/../..", "http://h/"),
            ("http://h//other/x", "http://h//other/x"),
            ("http://h//..//other", "http://h//other"),
            ("http://h/a b/ü?q=ä%20", "http://h/a%20b/%C3%BC?q=%C3%A4%20"),
            ("http://[::1]:8080/x", "http://[::1]:8080/x"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            (" http://h/\n", "http://h/"),
        ],
    )
    def test_a_url_has_one_spelling(self, given_url, url):
        assert Request(given_url).url == url

    @pytest.mark.parametrize("url", ["", "/path", "test.com", "http://", "http://h:x/", "http://a b/", "http://[1/"])
    def test_a_url_that_is_not_absolute_is_refused(self, url):
        with pytest.raises(ValueError, match="Invalid URL"):
            Request(url)

    def test_a_path_alone_says_what_it_lacks(self):
        with pytest.raises(ValueError, match=r"Invalid URL: '/path'\. It lacks scheme and host"):
            Request("/path")

    def test_a_request_is_made_from_text(self):
        with pytest.raises(TypeError, match="URL or a Request"):
            Request(b"http://h")

    @pytest.mark.parametrize("method", ["post", "POST", HTTPMethod.POST], ids=["lower", "upper", "enum"])
    def test_a_standard_method_is_an_http_method(self, method):
        request = Request("http://h", method=method)

        assert request.method is HTTPMethod.POST
        assert request.method == "POST"

    def test_any_other_method_is_text(self):
        assert Request("http://h", method="Purge").method == "Purge"
        with pytest.raises(ValueError, match="Invalid HTTP method"):
            Request("http://h", method="A B")

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_get_and_head_have_no_body(self, method):
        with pytest.raises(TypeError, match="cannot have a body"):
            Request("http://h", method=method, body="x")

    async def test_a_text_body_has_a_content_type(self):
        request = Request("http://h", method="POST", body="x")

        assert request.headers["content-type"] == "text/plain;charset=UTF-8"
        assert await request.text() == "x"
        assert request.body_used

    async def test_json_reads_the_body(self):
        assert await Request("http://h", method="PUT", body=b'{"a":1}').json() == {"a": 1}

    async def test_a_clone_is_read_on_its_own(self):
        request = Request("http://h", method="POST", body="x")
        clone = request.clone()

        assert await request.text() == "x"
        assert await clone.text() == "x"
        with pytest.raises(OSError, match="Body already used"):
            request.clone()

    def test_a_request_takes_from_another_what_no_option_replaces(self):
        origin = Request("http://h", method="POST", headers={"a": "1"}, body="x", redirect="manual", cf={"colo": "X"})
        request = Request(origin, method="PUT")

        assert (request.method, request.url, request.body) == ("PUT", "http://h/", b"x")
        assert (request.headers["a"], request.redirect, request.cf) == ("1", "manual", {"colo": "X"})

    def test_a_redirect_mode_is_one_of_three(self):
        with pytest.raises(ValueError, match="redirect mode"):
            Request("http://h", redirect="sometimes")

    def test_repr_shows_method_and_url(self):
        assert repr(Request("https://test.com", method="POST")) == "Request(method='POST', url='https://test.com/')"

    @given(FIELDS, st.sampled_from(["POST", "PUT", "Purge"]), st.none() | st.binary(max_size=20))
    def test_a_request_is_rebuilt_from_what_it_gives(self, fields, method, body):
        request = Request("http://h/p?q", method=method, headers=fields, body=body, cf={"a": 1})

        assert Request.load(request.dump()).dump() == request.dump()

    @pytest.mark.parametrize(
        "wire", [None, ["GET"], ["GET", "x", [], None, "follow", None], [1, "http://h", [], None, "follow", None]]
    )
    def test_what_is_no_request_is_not_read_as_one(self, wire):
        with pytest.raises((TypeError, ValueError)):
            Request.load(wire)

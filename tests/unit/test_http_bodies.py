"""Bodies that come piece by piece, blobs, files and forms."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.http import Blob, BodyStream, File, FormData, Request, Response
from broker.http.body import divided
from broker.http.multipart import read_form, write_form
from broker.http.stream import MOST_BEHIND
from broker.http.url import normalised

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


async def pieces(*chunks) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class Source:
    """An async iterable that notes whether it was closed."""

    def __init__(self, *chunks):
        self.left = list(chunks)
        self.closed = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop(0)

    async def aclose(self):
        self.closed = True


class TestStreamingBodies:
    @pytest.mark.parametrize("make", [Response, lambda body: Request("http://h", method="POST", body=body)])
    async def test_text_bytes_and_json_collect_it(self, make):
        assert await make(pieces(b'{"a"', b":", b"1}")).json() == {"a": 1}
        assert await make(pieces(b"gr\xc3", b"\xbc")).text() == "grü"
        assert await make(pieces(b"a", b"", bytearray(b"b"), memoryview(b"c"))).bytes() == b"abc"

    async def test_it_can_be_iterated_once(self):
        response = Response(pieces(b"a", b"b"))
        assert not response.body_used

        assert [chunk async for chunk in response.body] == [b"a", b"b"]
        assert response.body_used
        with pytest.raises(OSError, match="Body already used"):
            aiter(response.body)
        with pytest.raises(OSError, match="Body already used"):
            await response.text()

    async def test_it_is_used_once_its_first_piece_was_read(self):
        response = Response(pieces(b"a", b"b"))

        assert await anext(aiter(response.body)) == b"a"
        for take in (response.clone, lambda: Response(response), lambda: Response(response.body)):
            with pytest.raises(OSError, match="Body already used"):
                take()

    async def test_a_piece_that_is_not_bytes_is_refused(self):
        with pytest.raises(TypeError, match="consists of bytes, not str"):
            await Response(pieces(b"a", "b")).text()

    async def test_an_error_of_the_source_reaches_the_reader(self):
        async def broken():
            yield b"a"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await Response(broken()).bytes()

    async def test_closing_it_closes_its_source(self):
        source = Source(b"a", b"b")
        response = Response(source)
        await anext(aiter(response.body))

        await response.body.aclose()
        await response.body.aclose()

        assert source.closed
        assert response.body_used

    async def test_closing_it_unread_closes_its_source(self):
        source = Source(b"a")

        await Response(source).body.aclose()

        assert source.closed
        assert source.left == [b"a"]

    @pytest.mark.parametrize("status", [204, 304])
    def test_a_status_without_body_refuses_it(self, status):
        with pytest.raises(TypeError, match="null body status"):
            Response(Source(), status=status)

    async def test_it_moves_to_the_request_or_response_that_is_made_from_its_owner(self):
        request = Request("http://h", method="POST", body=pieces(b"a"))
        other = Request(request, headers={"a": "b"})

        assert request.body_used
        assert await other.text() == "a"
        with pytest.raises(OSError, match="Body already used"):
            await request.text()

    async def test_it_moves_to_the_response_that_it_is_given_to(self):
        inner = Response(pieces(b"a"))
        outer = Response(inner.body, status=201)

        assert inner.body_used
        assert await outer.text() == "a"

    async def test_it_stands_in_what_travels_as_it_is(self):
        source = Source(b"a", b"b")
        request, response = Request("http://h", method="POST", body=source), Response(source)

        assert request.dump()[3] is request.body
        loaded = Response.load(response.dump())
        assert response.body_used
        assert isinstance(loaded.body, BodyStream)
        assert await loaded.bytes() == b"ab"

    async def test_closing_it_closes_an_iterable_that_is_not_its_own_iterator(self):
        class Stock:
            closed = False

            async def __aiter__(self):
                yield b"a"
                yield b"b"

            async def aclose(self):
                self.closed = True

        stock = Stock()
        body = Response(stock).body
        assert await anext(aiter(body)) == b"a"
        await body.aclose()

        assert stock.closed

    async def test_a_used_one_cannot_travel(self):
        response = Response(pieces(b"a"))
        await response.text()

        with pytest.raises(ValueError, match="already used"):
            response.dump()

    def test_repr_says_what_it_is(self):
        assert repr(Response(Source()).body) == "<body that is read piece by piece>"


class TestClonedStreams:
    async def test_both_read_everything_in_any_order(self):
        response = Response(pieces(b"a", b"b"), 201, headers={"x": "y"})
        clone = response.clone()

        assert await clone.text() == "ab"
        assert await response.text() == "ab"
        assert (clone.status, clone.headers["x"]) == (201, "y")

    async def test_both_can_be_read_at_once(self):
        request = Request("http://h", method="POST", body=pieces(*[b"x"] * 100))
        clone = request.clone()

        assert await asyncio.gather(request.bytes(), clone.bytes()) == [b"x" * 100] * 2

    async def test_the_one_that_falls_far_behind_gets_an_error_and_the_other_goes_on(self):
        chunk = bytes(MOST_BEHIND // 2)
        response = Response(pieces(chunk, chunk, chunk))
        clone = response.clone()

        assert len(await clone.bytes()) == 3 * len(chunk)
        with pytest.raises(OSError, match="behind the other"):
            await response.bytes()

    async def test_one_piece_of_any_size_reaches_both(self):
        response = Response(pieces(bytes(2 * MOST_BEHIND)))
        clone = response.clone()

        assert len(await clone.bytes()) == len(await response.bytes()) == 2 * MOST_BEHIND

    async def test_an_error_of_the_source_reaches_both(self):
        async def broken():
            yield b"a"
            raise ZeroDivisionError

        response = Response(broken())
        clone = response.clone()
        for each in (response, clone):
            with pytest.raises(ZeroDivisionError):
                await each.bytes()

    async def test_a_cancelled_reader_does_not_let_the_other_take_a_part_for_the_whole(self):
        reached = asyncio.Event()

        async def waiting():
            yield b"a"
            reached.set()
            await asyncio.Event().wait()

        response = Response(waiting())
        clone = response.clone()
        reading = asyncio.create_task(response.bytes())
        await reached.wait()
        reading.cancel()
        await asyncio.wait([reading])

        with pytest.raises(OSError, match="broke off"):
            await clone.bytes()

    async def test_the_source_is_closed_when_both_are(self):
        source = Source(b"a", b"b")
        response = Response(source)
        clone = response.clone()
        for each in (response, clone):
            await anext(aiter(each.body))

        await response.body.aclose()
        assert not source.closed
        await clone.body.aclose()
        assert source.closed


class TestBlob:
    async def test_it_is_made_from_text_bytes_and_blobs(self):
        blob = Blob(["a", b"b", bytearray(b"c"), memoryview(b"d"), Blob("e")], "Text/Plain")

        assert (blob.size, await blob.text(), blob.content_type) == (5, "abcde", "text/plain")

    def test_one_blob_hands_its_type_on_and_a_list_does_not(self):
        blob = Blob("a", "text/css")

        assert Blob(blob).content_type == "text/css"
        assert Blob([blob]).content_type == ""

    async def test_a_slice_counts_as_python_does(self):
        blob = Blob(b"abcdef", "a/b")

        assert await blob.slice(1, -1).bytes() == b"bcde"
        assert blob.slice(0, 2).content_type == ""
        assert blob.slice(-2, None, "c/d").content_type == "c/d"

    @pytest.mark.parametrize("parts", [5, [5], {1: 2}])
    def test_other_parts_are_refused(self, parts):
        with pytest.raises(TypeError):
            Blob(parts)

    def test_endings_are_one_of_two(self):
        with pytest.raises(ValueError, match="Invalid endings"):
            Blob("a", endings="dos")

    async def test_native_endings_are_those_of_the_system(self):
        assert await Blob(["a\r\nb\rc\nd", b"\r"], endings="native").bytes() == b"a\nb\nc\nd\r"

    async def test_an_illegal_type_is_none(self):
        assert Blob("a", "ü").content_type == ""
        assert Blob("a", "a\nb").content_type == ""

    async def test_a_file_has_a_name_and_a_date(self):
        file = File(["a"], "a.txt", "text/plain", last_modified=7)

        assert (file.name, file.last_modified, file.content_type, await file.text()) == ("a.txt", 7, "text/plain", "a")
        assert File([], "x").last_modified > 1_600_000_000_000

    async def test_it_is_a_body_of_its_own_type(self):
        response = Response(Blob("a", "text/css"))

        assert response.headers["content-type"] == "text/css"
        assert Response(Blob("a"), headers={"content-type": "x/y"}).headers["content-type"] == "x/y"
        blob = await response.blob()
        assert (await blob.text(), blob.content_type) == ("a", "text/css")


class TestFormData:
    def test_it_holds_several_fields_of_one_name(self):
        form = FormData({"a": "1"})
        form.append("b", "2")
        form.append("a", "3")

        assert list(form) == ["a", "b", "a"]
        assert list(form.items()) == [("a", "1"), ("b", "2"), ("a", "3")]
        assert list(form.values()) == ["1", "2", "3"]
        assert (form["a"], form.get_all("a"), len(form)) == ("1", ["1", "3"], 3)

    def test_setting_replaces_all_fields_of_the_name_at_the_place_of_the_first(self):
        form = FormData([("a", "1"), ("b", "2"), ("a", "3")])
        form["a"] = "4"
        form["c"] = "5"

        assert list(form.items()) == [("a", "4"), ("b", "2"), ("c", "5")]

    def test_deleting_removes_all_fields_of_the_name(self):
        form = FormData([("a", "1"), ("b", "2"), ("a", "3")])
        form.delete("a")
        form.delete("a")

        assert dict(form) == {"b": "2"}
        with pytest.raises(KeyError):
            del form["a"]

    def test_a_blob_becomes_a_file(self):
        form = FormData()
        form.append("a", Blob("x", "text/css"))
        form.append("b", File("x", "b.txt"), filename="c.txt")

        assert (form["a"].name, form["a"].content_type, form["b"].name) == ("blob", "text/css", "c.txt")

    @pytest.mark.parametrize("init", [5, "ab", [("a",)], ["ab"], {"a": 1}, {1: "a"}])
    def test_it_is_made_from_text_and_blobs(self, init):
        with pytest.raises(TypeError):
            FormData(init)

    def test_text_has_no_file_name(self):
        with pytest.raises(TypeError, match="no file name"):
            FormData().append("a", "b", filename="c")

    async def test_it_travels_as_multipart(self):
        form = FormData({"a": "ü"})
        form.append("f", File(b"\0\r\n--\xff", 'ü "x".bin', "a/b"))
        request = Request("http://h", method="POST", body=form)
        read = await request.form_data()

        assert read["a"] == "ü"
        assert (read["f"].name, read["f"].content_type, await read["f"].bytes()) == (
            'ü "x".bin',
            "a/b",
            b"\0\r\n--\xff",
        )

    async def test_it_is_read_from_urlencoded_text(self):
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        response = Response("a=1&b=&a=%C3%BC+x", headers=headers)

        assert list((await response.formData()).items()) == [("a", "1"), ("b", ""), ("a", "ü x")]

    @pytest.mark.parametrize("kind", [None, "text/plain", "multipart/mixed; boundary=a"])
    def test_other_types_are_refused(self, kind):
        with pytest.raises(TypeError, match="Unrecognized Content-Type header value"):
            read_form(b"", kind)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"rubbish",
            b"--b\r\n\r\nx\r\n--b--\r\n",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
            b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\nx\r\n--b--\r\n',
            b"--b\r\nContent Disposition\r\n\r\nx\r\n--b--\r\n",
        ],
    )
    def test_what_is_no_multipart_is_refused(self, content):
        with pytest.raises(ValueError, match="no multipart/form-data"):
            read_form(content, "multipart/form-data; boundary=b")

    def test_multipart_needs_a_boundary(self):
        with pytest.raises(ValueError, match="names no boundary"):
            read_form(b"", "multipart/form-data")

    def test_a_form_has_a_bounded_number_of_fields(self):
        form = FormData([("a", "")] * 1001)

        with pytest.raises(ValueError, match="1000 fields"):
            read_form(write_form(form, "b"), "multipart/form-data; boundary=b")
        with pytest.raises(ValueError, match=r"[Ff]ields"):
            read_form(b"a=&" * 1001, "application/x-www-form-urlencoded")

    @given(st.lists(st.tuples(TEXT, TEXT), max_size=5))
    def test_a_form_is_read_as_it_was_written_but_for_line_ends(self, fields):
        def lines(text):
            return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")

        def named(text):
            # Written once more, an escape in a name is not told from the character.
            return lines(text).replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")

        form = read_form(
            write_form(FormData(fields), "callyard-boundary"), "multipart/form-data; boundary=callyard-boundary"
        )

        assert list(form.items()) == [(named(name), lines(value)) for name, value in fields]

    @given(st.binary(max_size=200))
    def test_rubbish_is_a_value_error_or_a_form(self, content):
        try:
            read_form(content.replace(b"x", b"--b\r\n"), "multipart/form-data; boundary=b")
        except ValueError:
            return


@given(st.binary(max_size=50), st.integers(1, 60))
def test_a_divided_body_has_the_same_bytes_and_says_how_many(content, size):
    whole = Response(content, 203, headers={"x-own": "1"})

    async def read():
        return [piece async for piece in twin.body]

    twin = divided(whole, size)
    chunks = asyncio.run(read())

    assert b"".join(chunks) == content
    assert all(len(chunk) <= size for chunk in chunks)
    assert (twin.status, dict(twin.headers)) == (203, {"x-own": "1", "content-length": str(len(content))})
    assert (whole.body, dict(whole.headers), whole.body_used) == (content, {"x-own": "1"}, False)


def test_a_body_that_is_no_bytes_is_not_divided():
    with pytest.raises(TypeError):
        divided(Response(pieces(b"x")), 1)


@pytest.mark.parametrize(
    ("spelled", "url"),
    [
        ("http://h//evil.example/x", "http://h//evil.example/x"),
        ("http://h/a/%2e%2E/b", "http://h/b"),
        ("http://h/../../b/..", "http://h/"),
        ("http://h/a/./b/.", "http://h/a/b/"),
        ("http://h/a\\..\\b", "http://h/b"),
    ],
)
def test_a_path_has_one_spelling_and_stays_a_path(spelled, url):
    assert normalised(spelled) == url


@given(st.text("a./\\%2eE;", max_size=20))
def test_no_spelling_of_a_path_leaves_a_step_upwards(path):
    once = normalised(f"http://h/{path}")

    assert once.startswith("http://h/")
    assert normalised(once) == once
    assert not {".", ".."} & {part.lower().replace("%2e", ".") for part in once.removeprefix("http://h/").split("/")}

"""`fetch` of other sites, which are small servers on loopback here."""

import asyncio
import gc
import gzip
import socket
from contextlib import asynccontextmanager

import pytest

from broker.http import FormData, Headers, Request
from client.fetching.outgoing import close_pool
from client.stubs.stub import enclosing_deadline
from workers import Response, fetch


class Site:
    """A server that answers each request with the next of its answers, and keeps what it was sent."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen: list[tuple[str, Headers, bytes]] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self.url = ""

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *fields = head.decode("latin-1").split("\r\n")[:-2]
                headers = Headers([tuple(field.split(": ", 1)) for field in fields])
                self.seen.append((first, headers, await self.body(reader, headers)))
                answer = self.answers.pop(0)
                if callable(answer):
                    await answer(writer)
                else:
                    writer.write(answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()

    @staticmethod
    async def body(reader, headers) -> bytes:
        if "chunked" not in headers.get("transfer-encoding", ""):
            return await reader.readexactly(int(headers.get("content-length", 0)))
        parts = []
        while size := int(await reader.readline(), 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
        await reader.readline()
        return b"".join(parts)


@asynccontextmanager
async def site(*answers):
    served = Site(*answers)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        await close_pool()
        server.close()


def ok(body=b"ok", *fields, status="200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


class TestRequests:
    async def test_it_is_sent_as_it_was_made(self):
        async with site(ok()) as there:
            headers = {"X-Own": "ü", "Host": "spoofed", "Connection": "x-hop", "X-Hop": "1"}
            response = await fetch(f"{there.url}/a b?q=ü#f", method="put", headers=headers, body="grüße")
            [(first, seen, body)] = there.seen

            assert (response.status, response.ok, await response.text()) == (200, True, "ok")
            assert response.url == f"{there.url}/a%20b?q=%C3%BC#f"
            assert (first, body.decode()) == ("PUT /a%20b?q=%C3%BC HTTP/1.1", "grüße")
            assert (seen["x-own"], seen["host"]) == ("ü", there.url.removeprefix("http://"))
            assert seen["content-type"] == "text/plain;charset=UTF-8"
            assert "x-hop" not in seen

    async def test_a_request_is_taken_as_it_is_and_used_then(self):
        async with site(ok()) as there:
            request = Request(there.url, method="POST", body=FormData({"a": "b"}))
            await fetch(request)

            assert request.body_used
            assert there.seen[0][1]["content-type"].startswith("multipart/form-data; boundary=")

    async def test_a_body_is_streamed_out(self):
        arrived = asyncio.Event()

        class Watched(Site):
            @staticmethod
            async def body(reader, headers):
                first = await reader.readline() + await reader.readline()
                arrived.set()
                return first + await Site.body(reader, headers)

        async def pieces():
            yield b"first"
            await arrived.wait()
            yield b"second"

        served = Watched(ok())
        server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        response = await fetch(url, method="POST", body=pieces())
        await close_pool()
        server.close()

        assert response.ok
        assert served.seen[0][2] == b"5\r\nfirst\r\nsecond"

    async def test_connections_are_used_again(self):
        async with site(ok(), ok(), ok()) as there:
            for _ in range(3):
                await (await fetch(there.url)).text()

            assert there.connections == 1

    async def test_cookies_of_one_response_do_not_go_into_another_request(self):
        async with site(ok(b"", "Set-Cookie: a=1"), ok()) as there:
            assert (await fetch(there.url)).headers["set-cookie"] == "a=1"
            await fetch(there.url)

            assert "cookie" not in there.seen[1][1]

    async def test_options_are_given_by_name(self):
        with pytest.raises(TypeError, match=r"fetch\(\) takes 1 positional argument but 2 were given"):
            await fetch("http://h", {"method": "POST"})

    @pytest.mark.parametrize("url", ["ftp://h/", "ws://h/", "file://h/x"])
    async def test_other_schemes_are_refused(self, url):
        with pytest.raises(TypeError, match="takes URLs of http and https"):
            await fetch(url)


class TestResponses:
    async def test_a_body_is_streamed_in(self):
        go_on = asyncio.Event()

        async def slowly(writer):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            await go_on.wait()
            writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

        async with site(slowly) as there:
            response = await fetch(there.url)
            chunks = aiter(response.body)
            assert await anext(chunks) == b"first"
            go_on.set()

            assert await anext(chunks) == b"second"
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
            assert "transfer-encoding" not in response.headers

    async def test_a_response_is_passed_on_with_another_status(self):
        async with site(ok(bytes(100_000))) as there:
            upstream = await fetch(there.url)
            response = Response(upstream.body, status=201)

            assert len(await response.bytes()) == 100_000

    async def test_an_encoding_is_undone_and_not_announced_any_more(self):
        async with site(ok(gzip.compress(b"plain"), "Content-Encoding: gzip")) as there:
            response = await fetch(there.url)

            assert await response.text() == "plain"
            assert not {"content-encoding", "content-length"} & set(response.headers)

    @pytest.mark.parametrize("encoding", ["GZIP", "x-gzip"])
    async def test_an_encoding_may_be_spelled_otherwise(self, encoding):
        async with site(ok(gzip.compress(b"plain"), f"Content-Encoding: {encoding}")) as there:
            response = await fetch(there.url)

            assert (await response.text(), "content-encoding" in response.headers) == ("plain", False)

    async def test_an_encoding_that_nobody_asked_for_stays_and_is_announced(self):
        twice = gzip.compress(gzip.compress(b"plain"))
        async with site(ok(twice, "Content-Encoding: gzip, gzip")) as there:
            response = await fetch(there.url)

            assert there.seen[0][1]["accept-encoding"] == "gzip, deflate"
            assert (await response.bytes(), response.headers["content-encoding"]) == (twice, "gzip, gzip")

    async def test_an_encoding_that_breaks_off_is_an_error(self):
        async with site(ok(gzip.compress(b"plain")[:-5], "Content-Encoding: gzip")) as there:
            with pytest.raises(ConnectionError, match="breaks off"):
                await (await fetch(there.url)).text()

    async def test_head_and_204_have_no_body(self):
        async with site(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ok(b"", status="204 No Content")) as there:
            head = await fetch(there.url, method="HEAD")
            empty = await fetch(there.url)

            assert (head.body, head.headers["content-length"], empty.body, empty.status) == (None, "5", None, 204)
            assert there.connections == 1

    async def test_redirects_are_followed_and_secrets_stay_at_home(self):
        async with site(ok(b"there")) as other, site(ok(b"", f"Location: {other.url}/x", status="302 Found")) as there:
            response = await fetch(there.url, headers={"Authorization": "secret"})

            assert (await response.text(), response.url) == ("there", f"{other.url}/x")
            assert "authorization" in there.seen[0][1]
            assert "authorization" not in other.seen[0][1]

    async def test_a_redirect_may_be_wanted_as_it_is(self):
        async with site(ok(b"", "Location: /x", status="302 Found")) as there:
            assert (await fetch(there.url, redirect="manual")).status == 302

    async def test_a_response_that_is_dropped_unread_gives_its_connection_back(self):
        async def endless(writer):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\nbegun")
            await asyncio.Event().wait()

        async with site(endless) as there:
            response = await fetch(there.url)
            served = [task for task in asyncio.all_tasks() if "serve" in repr(task)]
            assert response.ok
            del response
            gc.collect()
            from client.fetching import outgoing

            pool = outgoing._pools[asyncio.get_running_loop()]
            async with asyncio.timeout(5):
                while pool._transport._pool.connections:  # noqa: ASYNC110 -- httpx has nothing to wait for
                    await asyncio.sleep(0)
            for task in served:
                task.cancel()


class TestFailures:
    async def test_a_site_that_is_not_there_is_a_connection_error(self):
        async with site() as there:
            pass
        with pytest.raises(ConnectionError, match=r"127\.0\.0\.1"):
            await fetch(there.url)

    @pytest.mark.parametrize("answer", [b"rubbish\r\n\r\n", b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"])
    async def test_a_site_that_does_not_speak_http_is_a_connection_error(self, answer):
        async with site(answer) as there:
            with pytest.raises(ConnectionError):
                await fetch(there.url)

    async def test_a_site_where_nobody_listens_cannot_be_reached(self):
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
        with pytest.raises(ConnectionError, match=f"http://127.0.0.1:{port}/ cannot be reached: "):
            await fetch(f"http://127.0.0.1:{port}/")

    async def test_a_body_that_breaks_off_is_a_connection_error(self):
        async def half(writer):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun")
            writer.close()

        async with site(half) as there:
            response = await fetch(there.url)
            with pytest.raises(ConnectionError, match="cannot be read"):
                await response.text()

    async def test_the_deadline_of_the_call_bounds_it(self):
        async def never(_writer):
            await asyncio.Event().wait()

        async with site(never) as there:
            token = enclosing_deadline.set(asyncio.get_running_loop().time() + 0.05)
            try:
                with pytest.raises(TimeoutError, match="no answer in time"):
                    await fetch(there.url)
            finally:
                enclosing_deadline.reset(token)

    async def test_cancelling_it_closes_the_connection(self):
        called = asyncio.Event()

        async def never(_writer):
            called.set()

        async with site(never) as there:
            fetching = asyncio.create_task(fetch(there.url))
            await called.wait()
            fetching.cancel()
            await asyncio.wait([fetching])
            async with asyncio.timeout(5):
                await there.closed.wait()
            assert fetching.cancelled()

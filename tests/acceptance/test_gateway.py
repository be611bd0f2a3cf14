"""The gateway as a process, in front of a worker, with clients that behave and clients that do not."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from client.gateway import Gateway
from tests.support.gateways import GatewayProcess, answer, free_port, head, raw
from tests.support.workers import until

PATHS = ("/=site", "/named=site#Named", "/silent=site#Silent", "/nowhere=nobody", "other.example/=site#Named")


class Front:
    """A gateway, and the place behind it."""

    def __init__(self, place, process, url):
        self.place = place
        self.process = process
        self.url = url

    def refuses(self) -> bool:
        host, _, port = self.url.removeprefix("http://").partition(":")
        with socket.socket() as connection:
            return connection.connect_ex((host, int(port))) != 0

    def logged(self, text: str) -> int:
        return sum(text in line for line in self.process.errors)


def gateway_for(place, *arguments, routes=PATHS) -> Iterator[Front]:
    named = [word for route in routes for word in ("--route", route)]
    process = GatewayProcess("--broker", place.url, "--prefix", place.prefix, *named, *arguments)
    try:
        yield Front(place, process, process.listening())
    finally:
        process.close()


@pytest.fixture(scope="module")
def front(site) -> Iterator[Front]:
    yield from gateway_for(site)


@pytest.fixture
async def web(front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=front.url, timeout=20) as client:
        yield client


class TestRequests:
    async def test_the_service_sees_the_request_as_it_was_made(self, web, front):
        sent = {"x-own": "1", "x-forwarded-for": "6.6.6.6", "te": "trailers", "host": "site.example"}
        response = await web.post("/echo?a=%C3%BC&b", content=b"x" * 1000, headers=sent)
        seen = response.json()
        headers = dict(seen["headers"])

        assert (seen["method"], seen["url"], seen["size"]) == ("POST", "http://site.example/echo?a=%C3%BC&b", 1000)
        assert (headers["x-own"], headers["cf-connecting-ip"]) == ("1", "127.0.0.1")
        assert headers["x-forwarded-for"] == "127.0.0.1"
        assert not {"te", "connection"} & set(headers)
        await until(lambda: front.logged(headers["x-request-id"]) == 1, "the line in the log")

    async def test_routes_lead_to_services_and_entrypoints(self, web):
        assert (await web.get("/named/x")).text == "named /named/x"
        assert (await web.get("/x", headers={"host": "OTHER.example:80"})).text == "named /x"
        assert (await web.get("/namedx")).status_code == 502  # the other service, which has no such page

    async def test_every_byte_arrives_and_comes_back(self, web):
        body = bytes(range(256)) * 2000

        assert (await web.post("/back", content=body)).content == body

    async def test_a_body_of_unknown_length_arrives(self, web):
        async def pieces():
            for _ in range(10):
                yield b"x" * 1000

        assert len((await web.post("/back", content=pieces())).content) == 10_000

    async def test_a_body_that_no_message_could_hold_arrives_and_comes_back(self, web):
        body = bytes(range(256)) * 20_000

        assert (await web.post("/mirror", content=body)).content == body

    async def test_a_large_body_is_read_while_it_comes(self, web, front):
        diary, go_on = front.place.diary, asyncio.Event()

        async def pieces():
            yield b"x" * 100_000
            await go_on.wait()
            yield b"y" * 23

        answer = asyncio.create_task(web.post("/sum", content=pieces()))
        await diary.says("read 100000")
        go_on.set()

        assert (await answer).text == "100023"

    async def test_a_response_goes_out_as_it_comes(self, web, front):
        async with web.stream("GET", "/drip?gate=gateway") as response:
            body = response.aiter_raw()
            assert await anext(body) == b"first"
            front.place.open("gateway")
            assert [piece async for piece in body] == [b"last"]

    async def test_a_service_that_does_not_read_a_large_body_is_heard(self, web):
        response = await web.post("/unread", content=b"x" * 5_000_000)

        assert (response.status_code, response.text) == (200, "not read")

    async def test_a_form_with_a_file_arrives(self, web):
        response = await web.post("/form", data={"a": "1"}, files={"f": ("ü.txt", b"hello")})

        assert response.json() == {"a": "1", "f": "ü.txt"}

    async def test_cookies_stay_apart_and_fields_of_the_connection_stay_behind(self, web):
        response = await web.get("/cookies")

        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert "x-hop" not in response.headers

    async def test_a_redirect_is_the_clients_to_follow(self, web):
        response = await web.get("/redirect")

        assert (response.status_code, response.headers["location"]) == (302, "http://elsewhere.example/")

    async def test_head_has_the_length_and_no_body(self, front):
        async with raw(front.url) as (reader, writer):
            for _ in range(2):
                writer.write(b"HEAD /large?size=1234 HTTP/1.1\r\nHost: h\r\n\r\n")
                status, fields = await head(reader)
                assert (status, fields["content-length"]) == (200, "1234")
            writer.write(b"GET /named HTTP/1.1\r\nHost: h\r\n\r\n")
            assert await answer(reader) == (200, b"named /named")

    async def test_a_service_fetches_from_another_site(self, web, front):
        response = await web.post("/proxy", params={"url": f"{front.url}/back"}, content=b"there and back")

        assert response.content == b"there and back"
        assert (await web.get("/proxy", params={"url": f"http://127.0.0.1:{free_port()}/"})).status_code == 502


class TestMounted:
    async def test_it_is_mounted_in_another_application(self, site):
        async with site.connect() as services:
            gateway = Gateway(services, routes={"/": "site", "/named": "site#Named"})
            transport = httpx.ASGITransport(Starlette(routes=[Mount("/api", gateway)]))
            async with httpx.AsyncClient(transport=transport, base_url="http://h", timeout=20) as web:
                assert (await web.get("/api/echo")).status_code == 502  # it asks for a page /api/echo
                assert (await web.get("/api/named/x")).text == "named /api/named/x"
                assert (await web.get("/named")).status_code == 404


class TestRefusals:
    @pytest.mark.parametrize(
        ("path", "headers", "status"),
        [
            ("/fail", {}, 502),
            ("/silent", {}, 502),
            ("/nowhere", {}, 503),
            ("/hold?gate=never", {"x-callyard-timeout": "0.2"}, 504),
            ("/echo", {"x-callyard-timeout": "never"}, 400),
            ("/echo", {"upgrade": "websocket", "connection": "upgrade"}, 501),
        ],
    )
    async def test_a_failure_has_its_status_and_an_id_that_the_log_explains(self, web, front, path, headers, status):
        response = await web.get(path, headers=headers)
        told = response.json()

        assert response.status_code == told["status"] == status
        assert "secret" not in response.text
        assert ("retry-after" in response.headers) == (status == 503)
        await until(lambda: front.logged(told["request_id"]), "the line in the log")

    async def test_a_body_beyond_the_limit_is_refused_and_the_gateway_lives_on(self, web, front):
        async with raw(front.url) as (reader, writer):
            writer.write(b"POST /back HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999999\r\n\r\n")
            assert (await answer(reader))[0] == 413
        assert (await web.get("/named")).status_code == 200

    async def test_a_body_that_turns_out_to_be_beyond_the_limit_is_refused(self, site):
        async def pieces():
            for _ in range(4):
                yield b"x" * 100_000

        for own in gateway_for(site, "--max-body", "300000"):
            async with httpx.AsyncClient(base_url=own.url, timeout=20) as web:
                assert (await web.post("/sum", content=pieces())).status_code == 413
                assert (await web.post("/sum", content=b"x" * 300_000)).text == "300000"

    async def test_a_response_whose_source_fails_is_cut_off(self, web, front):
        front.place.open("cut")
        with pytest.raises(httpx.RemoteProtocolError):
            await web.get("/drip?gate=cut&fail=1")
        assert (await web.get("/named")).status_code == 200

    async def test_a_full_service_says_when_to_come_back(self, place):
        place.workers.serve(place.site(), "--backlog", "1")
        for own in gateway_for(place):
            async with httpx.AsyncClient(base_url=own.url, timeout=20) as web:
                holding = asyncio.create_task(web.get("/hold?gate=full"))
                await place.diary.says("held")
                refused = await web.get("/echo")
                place.open("full")

                assert (await holding).status_code == 200
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")

    @pytest.mark.parametrize(
        "sent",
        [
            b"rubbish\r\n\r\n",
            b"GET /named HTTP/1.1\r\n\r\n",
            b"GET /named HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET /named HTTP/1.1\r\nHost: user@h\r\n\r\n",
            b"GET /named HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n",
            b"GET /named HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            b"POST /back HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST /back HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET /named HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            b"GET /named HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(300)) + b"\r\n",
        ],
    )  # fmt: skip
    async def test_a_bad_request_is_refused_or_cut_off_and_the_gateway_lives_on(self, front, web, sent):
        async with raw(front.url) as (reader, writer):
            writer.write(sent)
            async with asyncio.timeout(10):
                data = await reader.read(65_536)

        assert data == b"" or data.split(b" ", 2)[1] in (b"400", b"431")
        assert (await web.get("/named")).status_code == 200


class TestClients:
    async def test_many_requests_go_over_one_connection(self, front):
        async with raw(front.url) as (reader, writer):
            for number in range(20):
                writer.write(f"POST /back HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{number:02}".encode())
                assert await answer(reader) == (200, f"{number:02}".encode())

    async def test_requests_sent_at_once_are_answered_in_order(self, front):
        async with raw(front.url) as (reader, writer):
            requests = [f"POST /back HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n{n}".encode() for n in range(5)]
            writer.write(b"".join(requests))

            assert [(await answer(reader))[1] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]

    async def test_a_client_that_goes_away_cancels_the_call(self, front):
        before = front.place.diary.lines.count("cancelled")
        held = front.place.diary.lines.count("held")
        async with raw(front.url) as (_, writer):
            writer.write(b"GET /hold?gate=never HTTP/1.1\r\nHost: h\r\n\r\n")
            await front.place.diary.says("held", held + 1)
        await front.place.diary.says("cancelled", before + 1)

    async def test_a_client_that_goes_away_closes_the_source_of_the_response(self, front):
        before = front.place.diary.lines.count("closed")
        async with raw(front.url) as (reader, writer):
            writer.write(b"GET /drip?gate=never HTTP/1.1\r\nHost: h\r\n\r\n")
            await reader.readuntil(b"first")
        await front.place.diary.says("closed", before + 1)

    async def test_a_client_that_goes_away_ends_the_reading_of_its_body(self, front):
        before = front.place.diary.lines.count("reads no more")
        async with raw(front.url) as (_, writer):
            writer.write(b"POST /sum HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 70_001)
            await writer.drain()
            await front.place.diary.says("read 70001")
        await front.place.diary.says("reads no more", before + 1)

    async def test_a_body_that_breaks_off_makes_no_call(self, front, web):
        before = len(front.place.diary.lines)
        async with raw(front.url) as (_, writer):
            writer.write(b"POST /hold?gate=never HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf")
            await writer.drain()
        await until(lambda: front.logged("the client went away"), "the line in the log")

        assert len(front.place.diary.lines) == before

    async def test_a_body_that_trickles_in_is_given_up_at_the_deadline(self, front):
        async with raw(front.url) as (reader, writer):
            writer.write(b"POST /back HTTP/1.1\r\nHost: h\r\nX-Callyard-Timeout: 0.3\r\nContent-Length: 100\r\n\r\nh")

            assert (await answer(reader))[0] == 408

    async def test_a_body_that_comes_slowly_arrives(self, front):
        async with raw(front.url) as (reader, writer):
            writer.write(b"POST /back HTTP/1.1\r\nHost: h\r\nContent-Length: 20\r\n\r\n")
            for _ in range(20):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.005)  # a slow client is what is tested

            assert await answer(reader) == (200, b"x" * 20)

    async def test_a_client_that_waits_for_leave_to_send_gets_it(self, front):
        async with raw(front.url) as (reader, writer):
            writer.write(b"POST /back HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            writer.write(b"ok")

            assert await answer(reader) == (200, b"ok")

    async def test_a_client_that_reads_slowly_gets_everything_and_keeps_nobody_waiting(self, front, web):
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.setblocking(False)
            loop = asyncio.get_running_loop()
            host, _, port = front.url.removeprefix("http://").partition(":")
            await loop.sock_connect(slow, (host, int(port)))
            await loop.sock_sendall(slow, b"GET /large?size=900000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            first = await loop.sock_recv(slow, 1000)
            assert (await web.get("/named")).status_code == 200
            data = first
            while piece := await loop.sock_recv(slow, 65_536):
                data += piece

        assert len(data.partition(b"\r\n\r\n")[2]) == 900_000


class TestItsLife:
    async def test_a_signal_lets_requests_end_and_takes_no_more(self, place):
        place.workers.serve(place.site())
        for own in gateway_for(place, "--grace", "20"):
            async with raw(own.url) as (reader, writer):
                writer.write(b"GET /hold?gate=drain HTTP/1.1\r\nHost: h\r\n\r\n")
                await place.diary.says("held")
                own.process.signal(15)
                assert own.process.line().startswith("stopping")
                await until(own.refuses, "connections to be refused")
                place.open("drain")

                assert await answer(reader) == (200, b"held")
            assert own.process.ended() == 0

    async def test_the_end_of_the_grace_period_cancels_what_is_left(self, place):
        place.workers.serve(place.site())
        for own in gateway_for(place, "--grace", "200ms"):
            async with raw(own.url) as (reader, writer):
                writer.write(b"GET /hold?gate=never HTTP/1.1\r\nHost: h\r\n\r\n")
                await place.diary.says("held")
                began = time.monotonic()
                own.process.signal(15)
                assert own.process.ended() == 0
                assert time.monotonic() - began < 10
                await reader.read()
            await place.diary.says("cancelled")

    def test_without_a_broker_it_does_not_start(self):
        process = GatewayProcess("--broker", f"redis://127.0.0.1:{free_port()}", "--route", "/=a")

        assert process.ended() == 3

    def test_an_address_that_is_taken_is_said(self, redis_server):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            process = GatewayProcess("--broker", redis_server, "--route", "/=a", "--listen", listen)

            assert process.ended() == 2
        assert "Cannot listen" in "".join(process.errors)

    def test_failures_of_the_service_are_json(self, front):
        response = httpx.get(f"{front.url}/fail")

        assert json.loads(response.text)["title"] == "Bad Gateway"


class TestBesideAWorker:
    async def test_a_worker_serves_its_first_service_over_http(self, place):
        worker = place.workers.start(place.site(), place.probe(), "--http", "127.0.0.1:0")
        line = worker.line()
        url = line.rpartition("http=")[2].strip()

        assert line.startswith("ready site#Default")
        async with httpx.AsyncClient(base_url=url, timeout=20) as web:
            assert (await web.get("/echo")).json()["url"] == f"{url}/echo"
            holding = asyncio.create_task(web.get("/hold?gate=beside"))
            await place.diary.says("held")
            worker.signal(15)
            place.open("beside")

            assert (await holding).text == "held"
        assert worker.ended() == 0

    async def test_processes_of_one_pool_share_the_address(self, place):
        port = free_port()
        worker = place.workers.start(place.site(), "--http", f"127.0.0.1:{port}", "--processes", "2")
        worker.ready(2)

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as web:
            assert {(await web.get("/echo")).status_code for _ in range(5)} == {200}
        assert worker.terminate() == 0

    def test_an_address_that_cannot_be_had_ends_the_worker(self, place):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            worker = place.workers.start(place.site(), "--http", f"127.0.0.1:{taken.getsockname()[1]}")

            assert worker.ended() == 2
        assert "Cannot listen" in "".join(worker.errors)

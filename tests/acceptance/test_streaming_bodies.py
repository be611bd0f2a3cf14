"""Requests and responses whose bodies come piece by piece, between a caller and a worker."""

import asyncio
import gc
import hashlib
import random

import pytest

from client import (
    CallAbandoned,
    DataCloneError,
    PayloadTooLarge,
    RemoteError,
    StreamBroken,
    connect_blocking,
    options,
    submit,
)
from tests.support.workers import until
from workers import Request

PIECES = [bytes([number]) * 200_000 for number in range(25)]
"""More than a message holds, and more than a stream sends ahead of its reader."""


class Upload:
    """A body whose pieces are let go one by one, and which notes its end."""

    def __init__(self, *pieces):
        self.queue = asyncio.Queue()
        self.closed = asyncio.Event()
        for piece in pieces:
            self.queue.put_nowait(piece)

    async def __aiter__(self):
        try:
            while (piece := await self.queue.get()) is not None:
                yield piece
        finally:
            self.closed.set()


async def pieces():
    for piece in PIECES:
        yield piece


@pytest.fixture
async def web(site):
    async with site.connect() as services:
        yield services.site


class TestResponses:
    async def test_the_first_piece_arrives_before_the_last_is_made(self, web, site):
        response = await web.fetch("http://h/drip?gate=drip")
        body = aiter(response.body)

        assert await anext(body) == b"first"
        site.open("drip")
        assert [piece async for piece in body] == [b"last"]

    async def test_what_its_source_raises_reaches_the_reader(self, web, site):
        site.open("failing")
        response = await web.fetch("http://h/drip?gate=failing&fail=1")

        with pytest.raises(ZeroDivisionError, match="as asked"):
            await response.text()

    async def test_a_source_that_waited_for_something_cancelled_fails_and_does_not_hang(self, web, site):
        site.open("cancelling")
        response = await web.fetch("http://h/drip?gate=cancelling&cancel=1")

        with pytest.raises(RemoteError) as failed:
            async with asyncio.timeout(10):
                await response.text()
        assert failed.value.name == "CancelledError"

    @pytest.mark.parametrize("read", [True, False])
    async def test_giving_it_up_closes_its_source(self, web, site, read):
        opened, before = (site.diary.lines.count(line) for line in ("opened", "closed"))
        response = await web.fetch("http://h/drip?gate=never")
        # A generator that never ran has nothing to close.
        await site.diary.says("opened", opened + 1)
        if read:
            await anext(aiter(response.body))

        await response.body.aclose()

        await site.diary.says("closed", before + 1)

    async def test_dropping_it_closes_its_source(self, web, site):
        before = site.diary.lines.count("closed")
        response = await web.fetch("http://h/drip?gate=never")
        async for _ in response.body:
            break

        del response
        gc.collect()

        await site.diary.says("closed", before + 1)

    async def test_it_breaks_off_when_its_worker_is_killed(self, place):
        worker = place.workers.serve(place.site())
        async with place.connect() as services:
            response = await services.site.fetch("http://h/drip?gate=never")
            body = aiter(response.body)
            assert await anext(body) == b"first"
            worker.signal(9)

            with pytest.raises(StreamBroken):
                await anext(body)

    def test_blocking_callers_get_it_whole(self, site):
        site.open("blocking")
        with connect_blocking(site.url, prefix=site.prefix) as services:
            assert services.site.fetch("http://h/drip?gate=blocking").body == b"firstlast"


class TestRequests:
    async def test_it_is_read_while_it_comes(self, web, site):
        upload = Upload(b"12345")
        answer = asyncio.ensure_future(web.fetch("http://h/sum", method="POST", body=upload))
        await site.diary.says("read 5")
        upload.queue.put_nowait(b"678")
        await site.diary.says("read 8")
        upload.queue.put_nowait(None)

        assert await (await answer).text() == "8"

    async def test_one_that_nobody_reads_is_closed(self, web):
        upload = Upload(b"x")
        response = await web.fetch("http://h/unread", method="POST", body=upload)

        assert await response.text() == "not read"
        async with asyncio.timeout(10):
            await upload.closed.wait()

    async def test_what_its_source_raises_reaches_the_service(self, web):
        async def broken():
            yield b"x"
            raise ZeroDivisionError("of the caller")

        with pytest.raises(ZeroDivisionError, match="of the caller"):
            await web.fetch("http://h/sum", method="POST", body=broken())

    async def test_cancelling_the_call_closes_it(self, web, site):
        before = site.diary.lines.count("reads no more")
        upload = Upload(b"123456789")
        answer = asyncio.ensure_future(web.fetch("http://h/sum", method="POST", body=upload))
        await site.diary.says("read 9")
        answer.cancel()

        await site.diary.says("reads no more", before + 1)
        await upload.closed.wait()

    async def test_its_body_is_used_once_it_was_sent(self, web):
        request = Request("http://h/sum", method="POST", body=Upload(b"x", None))

        assert await (await web.fetch(request)).text() == "1"
        with pytest.raises(OSError, match="Body already used"):
            await web.fetch(request)

    async def test_a_value_that_is_kept_cannot_stream(self, web):
        with pytest.raises(DataCloneError, match="idempotency key"):
            await options(web, idempotency_key="k").fetch("http://h/sum", method="POST", body=Upload(None))


class TestEchoes:
    @pytest.mark.parametrize("page", ["mirror", "through"])
    async def test_a_request_is_echoed_after_its_method_has_returned(self, web, page):
        upload = Upload()
        response = await web.fetch(f"http://h/{page}", method="POST", body=upload)
        body = aiter(response.body)
        for number in range(3):
            upload.queue.put_nowait(b"%d" % number)
            assert await anext(body) == b"%d" % number
        upload.queue.put_nowait(None)

        assert [piece async for piece in body] == []
        assert upload.closed.is_set()

    @pytest.mark.parametrize("page", ["mirror", "through"])
    async def test_every_byte_of_what_no_message_could_hold_comes_back(self, web, page):
        response = await web.fetch(f"http://h/{page}", method="POST", body=pieces())
        received = hashlib.sha256()
        async for piece in response.body:
            received.update(piece)

        assert received.digest() == hashlib.sha256(b"".join(PIECES)).digest()

    @pytest.mark.parametrize("page", ["mirror", "through"])
    async def test_giving_up_the_response_closes_the_request(self, web, page):
        upload = Upload(b"x")
        response = await web.fetch(f"http://h/{page}", method="POST", body=upload)
        assert await anext(aiter(response.body)) == b"x"

        await response.body.aclose()

        async with asyncio.timeout(10):
            await upload.closed.wait()

    async def test_requests_and_responses_are_values_like_others(self, web, site):
        site.open("v")
        request = Request("http://h/v", method="POST", body=Upload(b"a", b"b", None), headers={"x-own": "1"})
        echo, other = await web.answer(request)

        assert request.body_used
        assert (await echo.text(), echo.headers["x-own"], await other.text()) == ("ab", "1", "firstlast")


class TestBytesThatNoMessageCouldHold:
    LIMIT = 1 << 20

    async def test_they_arrive_and_come_back(self, web):
        body = random.Random(1).randbytes(3_000_000)

        response = await web.fetch("http://h/back", method="POST", body=body)

        assert response.headers["content-length"] == "3000000"
        assert await response.bytes() == body

    async def test_what_a_message_holds_comes_whole(self, web):
        response = await web.fetch("http://h/large?size=900000")

        assert response.body == bytes(900_000)
        assert "content-length" not in response.headers

    @pytest.mark.parametrize("missing", range(-100, 1500, 100))
    async def test_no_size_near_the_limit_falls_between(self, web, missing):
        size = self.LIMIT - missing

        sent = await web.fetch("http://h/echo", method="POST", body=bytes(size))

        assert (await sent.json())["size"] == size
        assert len(await (await web.fetch(f"http://h/large?size={size}")).bytes()) == size

    async def test_messages_may_be_small(self, site):
        async with site.connect(max_message_bytes=2048) as services:
            request = await services.site.fetch("http://h/sum", method="POST", body=bytes(50_000))

            assert await request.text() == "50000"

    async def test_requests_and_responses_among_other_values_arrive(self, web):
        pages = await web.pages([700_000, 700_000, 3])
        requests = [Request("http://h/", method="POST", body=bytes(size)) for size in (700_000, 5, 700_000)]

        assert [set(await page.bytes()) for page in pages] == [{0}, {1}, {2}]
        assert await web.weigh(requests) == [700_000, 5, 700_000]
        # What was sent was a copy.
        assert [len(await request.bytes()) for request in requests] == [700_000, 5, 700_000]

    @pytest.mark.parametrize("size", [600_000, LIMIT - 1020, LIMIT - 300, LIMIT])
    async def test_the_steps_of_a_chain_share_a_message(self, web, size):
        first = web.same(1)
        others = [web.same([first, Request("http://h/", method="POST", body=bytes(size))]) for _ in range(2)]

        assert [len(await (await other)[1].bytes()) for other in others] == [size] * 2

    async def test_a_redirect_may_ask_for_them_once_more(self, web):
        response = await web.fetch("http://h/hop?left=1&status=307", method="POST", body="x" * 2_000_000)

        assert await response.text() == f"POST manual None {'x' * 2_000_000}"

    async def test_values_that_are_too_large_otherwise_are_refused_as_ever(self, web):
        with pytest.raises(PayloadTooLarge, match="max_message_bytes"):
            await web.weigh([Request("http://h/", method="POST", body=b"x" * 1000), bytes(2_000_000)])

    def test_blocking_callers_send_and_get_them_whole(self, site):
        with connect_blocking(site.url, prefix=site.prefix) as services:
            response = services.site.fetch("http://h/back", method="POST", body=bytes(2_000_000))

            assert response.body == bytes(2_000_000)
            assert [len(page.body) for page in services.site.pages([700_000, 700_000])] == [700_000, 700_000]

    async def test_calls_that_are_kept_refuse_them_and_say_why(self, web, site):
        keyed = options(web, idempotency_key="large")
        with pytest.raises(PayloadTooLarge, match="pieces, which a call with an idempotency key cannot have"):
            await keyed.fetch("http://h/sum", method="POST", body=bytes(2_000_000))
        with pytest.raises(PayloadTooLarge, match=r"an idempotency key cannot have. This is the result of pages\(\)"):
            await keyed.pages([2_000_000])
        with pytest.raises(PayloadTooLarge, match="max_message_bytes"):
            await submit(web.weigh, [Request("http://h/", method="POST", body=bytes(2_000_000))])
        async with site.connect() as services:
            call_id = await submit(web.pages, [2_000_000], keep_result=60)
            with pytest.raises(PayloadTooLarge, match=r"cannot have. This is the result of pages\(\)"):
                await services.result(call_id)

    async def test_a_call_with_them_is_not_made_again_when_its_worker_is_lost(self, place):
        worker = place.workers.serve(place.site())
        async with place.connect() as services:
            sent = services.site.fetch("http://h/hold?gate=never", method="POST", body=bytes(2_000_000))
            answer = asyncio.ensure_future(sent)
            await place.diary.says("held")
            worker.signal(9)
            place.workers.serve(place.folder / "site")

            with pytest.raises(CallAbandoned, match="never run twice"):
                await answer

    async def test_they_break_off_when_their_worker_is_killed(self, place):
        worker = place.workers.serve(place.site())
        async with place.connect() as services:
            response = await services.site.fetch("http://h/large?size=5000000")
            body = aiter(response.body)
            await anext(body)
            worker.signal(9)

            with pytest.raises(StreamBroken):
                _ = [piece async for piece in body]


async def test_nothing_is_left_when_all_was_read(place, server):
    place.workers.serve(place.site())
    async with place.connect() as services:
        response = await services.site.fetch("http://h/mirror", method="POST", body=pieces())
        await response.bytes()

        def left():
            return sum(server.xlen(key) for key in server.scan_iter(f"{place.prefix}:*", _type="stream"))

        await until(lambda: left() == 0, "streams to be empty")

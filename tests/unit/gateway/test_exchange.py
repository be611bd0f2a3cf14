"""One request and its response in the gateway, without Redis and without a server."""

import asyncio
import json

import pytest

from broker.errors import Overloaded, RemoteError
from broker.http import Response
from client.gateway.admission import admit
from client.gateway.exchange import Exchange
from client.gateway.limits import Limits
from client.gateway.outgoing import Broken
from client.gateway.routes import read_route
from tests.support.asgi import Visit, scope
from tests.support.workers import until

LIMITS = Limits(timeout=5)


async def visit(fetch, *body, most=1000, whole=None, stall=5.0, seconds=None, visit=None, **named) -> Visit:
    """What comes of a request that *fetch* answers."""
    visit = visit or Visit(*body)
    headers = [(b"x-callyard-timeout", str(seconds).encode())] if seconds else []
    told = scope(headers=headers, **named)
    exchange = Exchange(told, visit.send, stall=stall)
    admitted = admit(told, exchange.id, [read_route("/=a")], LIMITS, ())
    await exchange.run(admitted, visit.receive, fetch, most=most, whole=whole)
    return visit


def answering(*arguments, **named):
    async def fetch(_admitted, _request):
        return Response(*arguments, **named)

    return fetch


async def echo(_admitted, request):
    return Response(f"{request.method} {await request.text()}")


class Chunks:
    """A body whose pieces are let go one by one."""

    def __init__(self):
        self.queue: asyncio.Queue = asyncio.Queue()
        self.closed = asyncio.Event()

    def __aiter__(self):
        return self

    async def __anext__(self):
        chunk = await self.queue.get()
        if chunk is None:
            raise StopAsyncIteration
        if isinstance(chunk, Exception):
            raise chunk
        return chunk

    async def aclose(self):
        self.closed.set()


class TestRequestBodies:
    async def test_a_body_in_pieces_arrives_whole(self):
        done = await visit(echo, b"a", b"", b"bc", b"d", method="POST")

        assert (done.status, done.body, done.header("content-length")) == (200, b"POST abcd", "9")

    async def test_a_body_that_grows_too_large_is_refused_and_the_service_not_called(self):
        done = await visit(answering("never"), b"x" * 600, b"x" * 600, method="POST")

        assert done.status == 413
        assert "1000 bytes" in json.loads(done.body)["detail"]

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_a_body_where_there_is_none_is_refused(self, method):
        assert (await visit(answering("never"), b"x", method=method)).status == 400

    async def test_a_body_that_does_not_come_in_time_is_refused(self):
        class Slow(Visit):
            async def receive(self):
                await asyncio.Event().wait()

        assert (await visit(answering("never"), visit=Slow(), seconds=0.01, method="POST")).status == 408

    async def test_a_large_body_is_streamed_where_that_is_wanted(self):
        seen = []

        async def fetch(_admitted, request):
            seen.extend([len(chunk) async for chunk in request.body])
            return Response("ok")

        done = await visit(fetch, b"a" * 10, b"b" * 10, b"c" * 5, whole=15, method="POST")

        assert (done.body, seen) == (b"ok", [20, 5])

    async def test_a_streamed_body_holds_its_client_back(self):
        started, go_on = asyncio.Event(), asyncio.Event()

        async def fetch(_admitted, request):
            started.set()
            await go_on.wait()
            return Response(str(len(await request.bytes())))

        waiting = Visit(*[b"x" * 10] * 50)
        task = asyncio.create_task(visit(fetch, whole=15, visit=waiting, method="POST"))
        await started.wait()
        for _ in range(10):
            await asyncio.sleep(0)

        assert waiting.taken < 10
        go_on.set()
        assert (await task).body == b"500"

    async def test_a_streamed_body_that_grows_too_large_breaks_the_call_off(self):
        async def fetch(_admitted, request):
            return Response(await request.bytes())

        assert (await visit(fetch, *[b"x" * 600] * 3, whole=100, method="POST")).status == 413

    async def test_a_streamed_body_breaks_off_for_whoever_reads_it_after_the_answer(self):
        bodies = []

        class Half(Visit):
            async def receive(self):
                return {**await super().receive(), "more_body": True} if self._body else await super().receive()

        async def fetch(_admitted, request):
            bodies.append(aiter(request.body))
            return Response(str(len(await anext(bodies[0]))))

        assert (await visit(fetch, whole=15, visit=Half(b"x" * 20), method="POST")).body == b"20"
        with pytest.raises(ConnectionError, match="does not come"):
            await anext(bodies[0])

    async def test_a_streamed_body_that_came_is_read_after_the_answer(self):
        bodies = []

        async def fetch(_admitted, request):
            bodies.append(request.body)
            for _ in range(10):
                await asyncio.sleep(0)
            return Response("ok")

        await visit(fetch, b"x" * 20, b"y" * 5, whole=15, method="POST")

        assert [len(chunk) async for chunk in bodies[0]] == [20, 5]

    async def test_what_nobody_reads_is_taken_from_the_client_all_the_same(self):
        waiting = Visit(*[b"x" * 10] * 50)

        async def fetch(_admitted, request):
            await request.body.aclose()
            await until(lambda: waiting.taken == 50, "all pieces to be taken")
            return Response("ok")

        assert (await visit(fetch, whole=15, visit=waiting, method="POST")).status == 200


class TestResponses:
    async def test_a_streamed_body_goes_out_as_it_comes(self):
        chunks, waiting = Chunks(), Visit()
        task = asyncio.create_task(visit(answering(chunks), visit=waiting))
        await waiting.begun.wait()
        assert (waiting.body, waiting.header("content-length")) == (b"", None)
        for chunk in (b"a", b"b", None):
            chunks.queue.put_nowait(chunk)
        await task

        assert (waiting.pieces, waiting.complete, chunks.closed.is_set()) == ([b"a", b"b", b""], True, True)

    async def test_a_body_that_fails_on_the_way_cuts_the_connection(self):
        chunks, waiting = Chunks(), Visit()
        chunks.queue.put_nowait(b"a")
        chunks.queue.put_nowait(ZeroDivisionError())

        with pytest.raises(Broken):
            await visit(answering(chunks), visit=waiting)
        assert (waiting.status, waiting.body, waiting.complete, chunks.closed.is_set()) == (200, b"a", False, True)

    async def test_a_client_that_takes_nothing_is_given_up(self):
        class Stuck(Visit):
            async def send(self, message):
                await super().send(message)
                if message["type"] == "http.response.body":
                    await asyncio.Event().wait()

        with pytest.raises(Broken):
            await visit(answering("x"), visit=Stuck(), stall=0.01)

    @pytest.mark.parametrize(
        ("named", "length"),
        [
            ({"body": "text"}, "4"),
            ({"headers": {"content-length": "7"}}, "7"),
            ({"body": "text", "headers": {"content-length": "7"}}, "4"),
            ({}, None),
            ({"headers": {"content-length": "9" * 30}}, None),
            ({"headers": {"content-length": "9" * 5000}}, None),
        ],
    )
    async def test_head_gets_the_length_and_no_body(self, named, length):
        done = await visit(answering(**named), method="HEAD")

        assert (done.body, done.complete, done.header("content-length")) == (b"", True, length)

    async def test_head_closes_a_stream_unread(self):
        chunks = Chunks()
        done = await visit(answering(chunks, headers={"content-length": "3"}), method="HEAD")

        assert (done.body, done.header("content-length"), chunks.closed.is_set()) == (b"", "3", True)

    @pytest.mark.parametrize(("status", "length"), [(200, "0"), (204, None), (304, None), (404, "0")])
    async def test_no_body_has_no_bytes(self, status, length):
        done = await visit(answering(None, status))

        assert (done.status, done.body, done.header("content-length")) == (status, b"", length)

    async def test_a_header_that_cannot_be_sent_is_a_failure_of_the_service(self):
        done = await visit(answering("x", headers={"a": "b\x01"}))

        assert (done.status, done.header("a")) == (502, None)


class TestFailures:
    async def test_a_failure_is_told_with_an_id_that_the_log_has_with_the_reason(self, caplog):
        async def fetch(_admitted, _request):
            raise ValueError("the secret reason")

        done = await visit(fetch)
        told = json.loads(done.body)

        assert done.status == told["status"] == 502
        assert b"secret" not in done.body
        assert done.header("content-type") == "application/problem+json"
        [line] = [record.getMessage() for record in caplog.records]
        assert told["request_id"] in line
        assert "the secret reason" in line

    async def test_a_failure_is_one_line_of_the_log_whatever_it_says(self, caplog):
        async def fetch(_admitted, _request):
            raise ValueError("bad\n2026-01-01 INFO forged\r\x1b[2J\u2028é")

        await visit(fetch)

        [line] = [record.getMessage() for record in caplog.records]
        assert line.endswith("ValueError: bad\\n2026-01-01 INFO forged\\r\\x1b[2J\\u2028é")

    async def test_the_log_has_the_name_of_an_exception_that_has_no_type_here(self, caplog):
        async def fetch(_admitted, _request):
            raise RemoteError("OutOfTea", "no tea")

        await visit(fetch)

        assert caplog.records[0].getMessage().endswith(": OutOfTea: no tea")

    async def test_the_log_says_why_a_body_broke_off(self, caplog):
        async def pieces():
            yield b"one"
            raise ValueError("no more tea")

        with pytest.raises(Broken):
            await visit(answering(pieces()))

        assert "the body of the response raised ValueError: no more tea" in caplog.text

    async def test_a_full_service_says_when_to_come_back(self):
        async def fetch(_admitted, _request):
            raise Overloaded("full", retry_after=7)

        done = await visit(fetch)

        assert (done.status, done.header("retry-after")) == (503, "7")

    async def test_a_failure_has_no_body_for_head(self):
        async def fetch(_admitted, _request):
            raise ValueError

        done = await visit(fetch, method="HEAD")

        assert (done.status, done.body) == (502, b"")


class TestDisconnects:
    async def test_a_client_that_goes_away_cancels_the_call(self):
        started, cancelled = asyncio.Event(), asyncio.Event()

        async def fetch(_admitted, _request):
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        waiting = Visit()
        task = asyncio.create_task(visit(fetch, visit=waiting))
        await started.wait()
        waiting.gone.set()
        await task

        assert cancelled.is_set()
        assert waiting.status is None

    async def test_a_client_that_goes_away_in_the_middle_of_its_body_makes_no_call(self):
        called = []

        class Half(Visit):
            async def receive(self):
                if self.taken:
                    return {"type": "http.disconnect"}
                return {**await super().receive(), "more_body": True}

        async def fetch(_admitted, request):
            called.append(request)

        await visit(fetch, visit=Half(b"half"), method="POST")

        assert called == []

    async def test_a_client_that_goes_away_during_the_response_closes_its_source(self):
        chunks, waiting = Chunks(), Visit()
        task = asyncio.create_task(visit(answering(chunks), visit=waiting))
        await waiting.begun.wait()
        waiting.gone.set()
        await task

        assert chunks.closed.is_set()

    async def test_a_server_that_stops_cancels_the_call_and_leaves_no_task(self):
        started, others = asyncio.Event(), asyncio.all_tasks()

        async def fetch(_admitted, _request):
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(visit(fetch))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert asyncio.all_tasks() == others

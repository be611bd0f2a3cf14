"""A service for requests that come through the gateway."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from workers import FormData, Request, Response, WorkerEntrypoint, fetch


class Default(WorkerEntrypoint):
    async def fetch(self, request):
        url = urlsplit(request.url)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        return await getattr(self, f"_{url.path.strip('/') or 'echo'}")(request, query)

    async def _echo(self, request, query):
        body = await request.bytes()
        headers = list(request.headers.items())
        return Response.json({"method": request.method, "url": request.url, "headers": headers, "size": len(body)})

    async def _back(self, request, query):
        return Response(await request.bytes(), headers={"content-type": request.headers.get("content-type", "x/y")})

    async def _hold(self, request, query):
        self._write("held")
        try:
            await self._passed(query["gate"])
        except asyncio.CancelledError:
            self._write("cancelled")
            raise
        return Response("held")

    async def _fail(self, request, query):
        raise ValueError("the secret of the service")

    async def _large(self, request, query):
        return Response(bytes(int(query["size"])))

    async def _cookies(self, request, query):
        headers = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("connection", "x-hop"), ("x-hop", "1")]
        return Response("ok", headers=headers)

    async def _form(self, request, query):
        form = await request.form_data()
        return Response.json({name: value if isinstance(value, str) else value.name for name, value in form.items()})

    async def _proxy(self, request, query):
        return await fetch(query["url"], method=request.method, body=await request.bytes() or None)

    async def _mirror(self, request, query):
        return Response(request.body)

    async def _through(self, request, query):
        return await self.ctx.exports.Mirror.fetch(request)

    async def _drip(self, request, query):
        return Response(self._pieces(query))

    async def _sum(self, request, query):
        try:
            size = 0
            async for piece in request.body:
                size += len(piece)
                self._write(f"read {size}")
        except BaseException:
            # Cancelled, or the body broke off: whichever is heard of first.
            self._write("reads no more")
            raise
        return Response(str(size))

    async def _unread(self, request, query):
        return Response("not read")

    async def _pieces(self, query):
        self._write("opened")
        try:
            yield b"first"
            await self._passed(query["gate"])
            if query.get("fail"):
                raise ZeroDivisionError("as asked")
            if query.get("cancel"):
                raise asyncio.CancelledError
            yield b"last"
        finally:
            self._write("closed")

    async def _passed(self, gate):
        while not (Path(self.env.DIARY).parent / gate).exists():  # noqa: ASYNC110 -- opened by another process
            await asyncio.sleep(0.02)

    async def pages(self, sizes: list[int]) -> list[Response]:
        return [Response(bytes([number]) * size) for number, size in enumerate(sizes)]

    async def same(self, thing):
        return thing

    async def weigh(self, requests: list[Request]) -> list[int]:
        return [len(await request.bytes()) for request in requests]

    async def answer(self, request: Request) -> list[Response]:
        """Requests and responses that are values like others."""
        return [Response(request.body, headers=request.headers), Response(self._pieces({"gate": request.url[-1]}))]

    async def _redirect(self, request, query):
        return Response.redirect("http://elsewhere.example/", 302)

    async def _hop(self, request, query):
        left = int(query["left"])
        said = f"{request.method} {request.redirect} {request.headers.get('authorization')} {await request.text()}"
        to = query.get("to", "").rstrip("/") if left == 1 else ""
        where = f"{to}/hop?left={left - 1}&to={query.get('to', '')}"
        return Response(None, int(query.get("status", 302)), headers={"location": where}) if left else Response(said)

    async def _loop(self, request, query):
        await asyncio.sleep(0.1)
        return Response.redirect(request.url)

    async def swap(self, form: FormData) -> FormData:
        return FormData([(str(value), name) for name, value in form.items()])

    def _write(self, line):
        with Path(self.env.DIARY).open("a", encoding="utf-8") as diary:
            diary.write(f"{line}\n")


class Named(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"named {urlsplit(request.url).path}")


class Mirror(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(request.body)


class Silent(WorkerEntrypoint):
    """An entrypoint without `fetch`."""

    def add(self, a: int, b: int) -> int:
        return a + b

"""A service for requests that come through the gateway."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from workers import FormData, Response, WorkerEntrypoint, fetch


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
        gate = Path(self.env.DIARY).parent / query["gate"]
        try:
            while not gate.exists():  # noqa: ASYNC110 -- the test opens it from another process
                await asyncio.sleep(0.02)
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


class Silent(WorkerEntrypoint):
    """An entrypoint without `fetch`."""

    def add(self, a: int, b: int) -> int:
        return a + b

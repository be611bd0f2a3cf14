"""No way out for a secret: what a process says, logs, offers and answers, while methods trip over it."""

import json
import subprocess
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from client import submit
from tests.support.workers import WorkerProcess

SECRET = "correct-horse-battery"
SERVICE = """
    import os
    import threading
    from worker_runtime import policy
    from workers import RpcTarget, WorkerEntrypoint

    KEY = os.environ["API_KEY"]

    class Safe(RpcTarget):
        async def open(self):
            return int(KEY)

    class Default(WorkerEntrypoint):
        async def safe(self):
            return Safe()

        async def numbers(self):
            yield 1
            yield int(KEY)

        async def number(self) -> int:
            return int(self.env.API_KEY)

        async def note(self) -> int:
            error = ValueError("see the note")
            error.add_note(f"it was {self.env.API_KEY}")
            error.key = self.env.API_KEY
            error.keys = [self.env.API_KEY.encode(), {self.env.API_KEY}]
            raise error

        async def lookup(self):
            return {}[self.env.API_KEY]

        async def background(self) -> str:
            self.ctx.waitUntil(self.number())
            return "fine"

        async def thread(self) -> str:
            failing = threading.Thread(target=int, args=(self.env.API_KEY,), name="failing")
            failing.start()
            failing.join()
            return "fine"

        async def destructor(self) -> str:
            class Failing:
                def __del__(self):
                    int(KEY)

            Failing()
            return "fine"

        async def default(self, key: str = KEY, other: int = 3) -> str:
            return "fine"

        async def given(self) -> str:
            return self.env.API_KEY

        async def shown(self) -> list[str]:
            return [repr(self.env), repr(self.ctx), repr(self.ctx.exports), str(vars(type(self)))]
"""


@pytest.fixture
def leaky(tmp_path) -> Path:
    folder = tmp_path / "leaky"
    folder.mkdir()
    (folder / "leaky.py").write_text(textwrap.dedent(SERVICE))
    settings = {"traceback": True}
    configuration = {"name": "leaky", "main": "leaky.py", "secrets": {"required": ["API_KEY"]}, "callyard": settings}
    (folder / "wrangler.json").write_text(json.dumps(configuration))
    return folder


@pytest.fixture
def worker(place, leaky) -> WorkerProcess:
    worker = place.workers.start(leaky, "--verbose", "--log-calls", environment={"API_KEY": SECRET})
    worker.ready()
    return worker


def everything_about(error: BaseException) -> str:
    notes = getattr(error, "__notes__", [])
    return " ".join(map(repr, [error, str(error), error.args, vars(error), notes, error.__cause__]))


@pytest.mark.redis
async def test_no_error_description_log_or_dead_letter_shows_it(place, server, worker):
    async with place.connect() as services:
        leaky = services.leaky
        for method, kind in (("number", ValueError), ("note", ValueError), ("lookup", KeyError)):
            with pytest.raises(kind) as caught:
                await getattr(leaky, method)()
            assert SECRET not in everything_about(caught.value)
            assert "***" in everything_about(caught.value)
        async with await leaky.safe() as safe:
            with pytest.raises(ValueError, match=r"\*\*\*") as caught:
                await safe.open()
            assert SECRET not in everything_about(caught.value)
        with pytest.raises(ValueError, match=r"\*\*\*"):
            assert [number async for number in leaky.numbers()] == []
        for method in ("background", "thread", "destructor"):
            assert await getattr(leaky, method)() == "fine"
        assert SECRET not in " ".join(await leaky.shown())
        await submit(leaky.number)
        described = str(await services.describe("leaky"))
        assert "default(self" in described or "default(" in described
        assert SECRET not in described
        # What a method returns is its own affair.
        assert await leaky.given() == SECRET
    assert worker.terminate() == 0

    said = "".join(worker.output + worker.errors)
    assert said.count("invalid literal for int() with base 10: '***'") > 4
    assert "the thread failing failed" in said
    assert "__del__" in said
    assert SECRET not in said
    dead = server.xrange(place.key("dead", service="leaky"))
    assert len(dead) == 1
    assert SECRET.encode() not in str(dead).encode()
    kept = b"".join(str(server.hgetall(key)).encode() for key in server.scan_iter(f"{place.prefix}:*:meta"))
    assert SECRET.encode() not in kept


@pytest.mark.parametrize("source", [".dev.vars", "the environment", "--var"])
def test_check_shows_no_secret_wherever_it_comes_from(leaky, source):
    environment, arguments = {"API_KEY": "not-the-one"}, []
    if source == ".dev.vars":
        (leaky / ".dev.vars").write_text(f"API_KEY={SECRET}\nOTHER={SECRET}2\n")
    elif source == "the environment":
        environment = {"API_KEY": SECRET}
    else:
        arguments = ["--var", f"API_KEY={SECRET}"]
    check = WorkerProcess(leaky, "--check", *arguments, environment=environment)

    assert check.ended() == 0
    said = "".join(check.output + check.errors)
    assert "secret API_KEY = ***" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("mistake", "arguments"),
    [
        ("a module that trips over it", []),
        ("a variable whose name is none", ["--var", f"API-KEY={SECRET}"]),
        ("a table of secrets that is none", []),
    ],
)
def test_mistakes_are_told_without_it(leaky, mistake, arguments):
    if mistake.startswith("a module"):
        (leaky / "leaky.py").write_text('import os\nint(os.environ["API_KEY"])\n')
    if mistake.startswith("a table"):
        (leaky / "wrangler.json").write_text(json.dumps({"name": "l", "main": "leaky.py", "secrets": SECRET}))
    worker = WorkerProcess(leaky, *arguments, environment={"API_KEY": SECRET})

    assert worker.ended() == 2
    said = "".join(worker.output + worker.errors)
    assert "error: " in said
    assert SECRET not in said


@pytest.mark.redis
def test_password_of_the_broker_stands_on_no_command_line(place, leaky):
    url = place.url.replace("redis://", f"redis://:{SECRET}@")
    worker = WorkerProcess(
        leaky, "--processes", "2", "--connect-timeout", "500ms", environment={"API_KEY": "other", "BROKER_URL": url}
    )
    seen = ""
    while worker.running:
        with suppress(subprocess.CalledProcessError):
            children = subprocess.run(
                ["ps", "-o", "args=", "--ppid", str(worker.pid)], capture_output=True, text=True, check=True
            )
            seen += children.stdout
    assert "worker_runtime" in seen
    assert SECRET not in seen
    assert worker.ended() == 3
    assert SECRET not in "".join(worker.output + worker.errors)

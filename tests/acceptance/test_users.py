"""Users of Redis with the rules that docs/how-to/secure-redis.md gives them: all that they need, and no more."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import redis

from broker.codec import pack
from client import BrokerUnavailable, RpcError, connect, options, submit
from tests.acceptance.test_operator import operate
from tests.support.pages import acl_lines
from tests.support.servers import serving
from tests.support.workers import ROOT, Diary, Workers, service_folder, until

pytestmark = pytest.mark.redis

CALLS, META = "callyard:{probe}:calls:Default", "callyard:{probe}:meta"
READ_ALL = f"#!lua\nreturn redis.call('XRANGE', '{CALLS}', '-', '+')"
DENIED = {
    "caller-probe": [
        ["XREAD", "STREAMS", CALLS, "0"],
        ["XRANGE", CALLS, "-", "+"],
        ["EVAL", READ_ALL, "1", CALLS],
        ["XREADGROUP", "GROUP", "workers", "me", "STREAMS", CALLS, ">"],
        ["XACK", CALLS, "workers", "1-1"],
        ["XDEL", CALLS, "1-1"],
        ["XTRIM", CALLS, "MAXLEN", "0"],
        ["DEL", CALLS],
        ["SET", META, "gone"],
        ["HSET", META, "backlog:Default", "0"],
        ["XRANGE", "callyard:{probe}:dead", "-", "+"],
        ["XREAD", "STREAMS", "callyard:{probe}:inbox:someone", "0"],
        ["GET", "callyard:{probe}:once:Default.add:k"],
        ["XADD", "callyard:{other}:calls:Default", "*", "m", "x"],
        ["XREAD", "STREAMS", "callyard:{other}:reply:someone", "0"],
        ["GET", "callyard:{other}:result:x"],
        ["PUBLISH", "callyard:{other}:control", "x"],
        ["SUBSCRIBE", "callyard:{probe}:control"],
    ],
    "worker-probe": [
        ["XADD", "callyard:{other}:calls:Default", "*", "m", "x"],
        ["XADD", "callyard:{other}:reply:someone", "*", "m", "x"],
        ["HGETALL", "callyard:{other}:meta"],
        ["PUBLISH", "callyard:{other}:control", "x"],
        ["SUBSCRIBE", "callyard:{other}:control"],
        ["XGROUP", "DESTROY", CALLS, "workers"],
    ],
    "operator": [
        ["SET", "callyard:{probe}:result:x", "mine"],
        ["GET", "callyard:{probe}:result:x"],
        ["XREADGROUP", "GROUP", "workers", "me", "STREAMS", CALLS, ">"],
        ["XACK", CALLS, "workers", "1-1"],
        ["DEL", CALLS],
        ["XRANGE", "elsewhere", "-", "+"],
    ],
}
DENIED_ALL = [
    ["FLUSHALL"],
    ["KEYS", "*"],
    ["CONFIG", "GET", "*"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["MONITOR"],
    ["SCRIPT", "FLUSH"],
    ["ACL", "LIST"],
    ["RESTORE", CALLS, "0", "x"],
    ["DEBUG", "SLEEP", "0"],
    ["MODULE", "LIST"],
    ["SHUTDOWN"],
]


class Guarded(NamedTuple):
    """A server that knows the users of the page, and itself seen by whoever may do everything."""

    url: str
    server: Any

    def login(self, user: str) -> str:
        return self.url.replace("redis://", f"redis://{user}:PASSWORD@")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    with serving("redis-server") as url, redis.Redis.from_url(url, protocol=2) as server:
        for service in ("probe", "chat"):
            for line in acl_lines(SERVICE=service):
                server.execute_command(*line)
        yield Guarded(url, server)


def probe_folder(place: Path) -> Path:
    variables = {"DIARY": str(place / "diary"), "WORD": "w", "TABLE": {}}
    folder = service_folder(place, "probe", vars=variables)
    (folder / ".dev.vars").write_text('SECRET="hush"\n', encoding="utf-8")
    return folder


async def test_each_user_can_do_its_work(guarded, tmp_path):
    workers = Workers(guarded.login("worker-probe"), "callyard")
    try:
        diary, folder = Diary(tmp_path / "diary"), probe_folder(tmp_path)
        first = workers.serve(folder, lease="500ms")
        async with connect(guarded.login("caller-probe")) as services:
            assert await services.probe.add(1, 2) == 3
            assert await options(services.probe, idempotency_key="k").add(1, 2) == 3
            call_id = await submit(services.probe.add, 2, 3, keep_result=60)
            assert await services.result(call_id) == 5
            await submit(services.probe.fail, "ValueError", "unheard")
            held = services.probe.hold("gate")
            await diary.says("holding gate")
            first.signal(signal.SIGKILL)
            second = workers.serve(folder, lease="500ms")
            (tmp_path / "gate").touch()
            assert await held == "gate"
            assert await services.probe.signup("gate") == "Success"
            assert set(await services.describe("probe")) == {"Default", "Admin"}
        assert second.terminate() == 0
        assert not [line for line in second.errors if "NOPERM" in line]
        operator = guarded.login("operator")
        code, said, errors = operate(operator, "dead", "list", "probe")
        assert (code, len(said.splitlines())) == (0, 1), errors
        assert operate(operator, "dead", "replay", "probe", "--all")[0] == 0
        assert "dead letters" in operate(operator, "doctor")[1]
    finally:
        workers.close()


async def test_callers_and_workers_can_pass_functions_objects_and_streams(guarded):
    workers = Workers(guarded.login("worker-chat"), "callyard")
    try:
        workers.serve(ROOT / "examples" / "chat")
        heard = []
        async with (
            connect(guarded.login("caller-chat")) as services,
            services.chat.join("lobby", "Ann", lambda who, text: heard.append(text)) as seat,
        ):
            await services.chat.join("lobby", "Bob", print).say("Hi")
            assert [line async for line in seat.history()] == ["Bob: Hi"]
            await until(lambda: heard == ["Hi"])
    finally:
        workers.close()


@pytest.mark.parametrize("user", DENIED)
def test_no_user_can_do_anything_else(user, guarded):
    with redis.Redis.from_url(guarded.login(user), protocol=2) as client:
        for forbidden in [*DENIED[user], *DENIED_ALL]:
            with pytest.raises(redis.exceptions.ResponseError, match=r"NOPERM|no permission|can't run this"):
                client.execute_command(*forbidden)
    refused = {entry["username"] for entry in guarded.server.acl_log()}
    assert user in refused


def test_the_harm_that_a_caller_can_do_is_what_the_page_says(guarded):
    with redis.Redis.from_url(guarded.login("caller-probe"), protocol=2) as caller:
        before = guarded.server.xlen(CALLS)
        caller.xadd(CALLS, {"m": pack([1, "another", 1, 0, {"props": b""}, []])})
        assert guarded.server.xlen(CALLS) == before + 1
        caller.xadd(CALLS, {"m": b"mine"}, maxlen=0, approximate=False)
        assert guarded.server.xlen(CALLS) == 0


def user(line: list[str], name: str, **changes: str) -> list[str]:
    """The same rules for a user of another name, with parts of them changed."""
    for old, new in changes.items():
        line = [part.replace(f"{old}:*", new) for part in line]
    return [*line[:2], name, *line[3:]]


async def test_a_worker_that_calls_another_service_has_the_rules_of_its_callers_too(guarded):
    [_, worker_a, *_], [caller_b, worker_b, *_] = acl_lines(SERVICE="worker_a"), acl_lines(SERVICE="worker_b")
    calling = caller_b[caller_b.index("resetchannels") + 1 :]
    for line in (worker_a, worker_b, ["ACL", "SETUSER", "worker-worker_a", *calling]):
        guarded.server.execute_command(*line)
    guarded.server.execute_command(*user(acl_lines(SERVICE="worker_a")[0], "caller-worker_a"))
    first = Workers(guarded.login("worker-worker_a"), "callyard")
    second = Workers(guarded.login("worker-worker_b"), "callyard")
    try:
        first.serve(ROOT / "examples" / "add" / "worker_a")
        second.serve(ROOT / "examples" / "add" / "worker_b")
        async with connect(guarded.login("caller-worker_a")) as services:
            assert await (await services.worker_a.fetch("http://a/")).text() == "Result: 3"
    finally:
        first.close()
        second.close()


async def test_a_caller_of_one_entrypoint_cannot_call_another(guarded, tmp_path):
    guarded.server.execute_command(*user(acl_lines(SERVICE="probe")[0], "caller-admin", calls="calls:Admin"))
    workers = Workers(guarded.login("worker-probe"), "callyard")
    try:
        Diary(tmp_path / "diary")
        workers.serve(probe_folder(tmp_path))
        async with connect(guarded.login("caller-admin")) as services:
            assert await services.service("probe", entrypoint="Admin").role() == "nobody"
            with pytest.raises(RpcError, match=r"NOPERM|permission"):
                await services.probe.add(1, 2)
    finally:
        workers.close()


@pytest.fixture
def tls(tmp_path) -> Iterator[str]:
    """The URL of a server that speaks TLS only, and only with those who have a certificate."""
    pair = f"-keyout {tmp_path}/key.pem -out {tmp_path}/own.pem"
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 "
        f"-addext subjectAltName=IP:127.0.0.1 {pair}".split(),
        check=True, capture_output=True,
    )  # fmt: skip
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    own, key = tmp_path / "own.pem", tmp_path / "key.pem"
    options = f"--port 0 --tls-port {port} --tls-cert-file {own} --tls-key-file {key} --tls-ca-cert-file {own}"
    command = ["redis-server", *options.split(), "--tls-auth-clients", "yes", "--save", "", "--bind", "127.0.0.1"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert any(b"Ready to accept connections" in line for line in process.stdout)
            yield f"rediss://127.0.0.1:{port}?ssl_ca_certs={own}&ssl_certfile={own}&ssl_keyfile={key}"
        finally:
            process.terminate()


async def test_callers_and_workers_use_tls_with_certificates_at_both_ends(tls):
    workers = Workers(tls, "callyard")
    try:
        workers.serve(ROOT / "examples" / "add" / "worker_b")
        async with connect(tls) as services:
            assert await services.worker_b.add(1, 2) == 3
        with pytest.raises(BrokerUnavailable):
            async with connect(tls.partition("?")[0], connect_timeout=1):
                pass
    finally:
        workers.close()

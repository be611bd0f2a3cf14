"""`python -m client` as people and scripts use it: real processes, a real worker, a real server."""

import json
import os
import pty
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_lines import Shell, on_terminal, worker_of
from tests.support.workers import ROOT

pytestmark = pytest.mark.redis

NOWHERE = "redis://127.0.0.1:1"

SERVICE = '''
import asyncio
import datetime as dt
import uuid
from decimal import Decimal

from workers import Response, WorkerEntrypoint


class Oddity(Exception):
    pass


class Default(WorkerEntrypoint):
    """Reckons."""

    async def fetch(self, request):
        said = f"{request.method} {request.url} {request.headers.get('x-token')} {await request.text()}"
        return Response(said, status=201, headers={"x-seen": "yes"})

    def add(self, a: int, b: int = 0) -> int:
        """Adds.

        Both are whole numbers.
        """
        return a + b

    async def echo(self, *args, **kwargs):
        return [list(args), kwargs]

    async def same(self, value):
        return value

    async def values(self):
        zone = dt.timezone(dt.timedelta(hours=2))
        return {
            "bytes": b"\\x00\\xff", "datetime": dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=zone),
            "date": dt.date(2024, 5, 6), "time": dt.time(7, 8), "span": dt.timedelta(minutes=1.5),
            "decimal": Decimal("1.10"), "uuid": uuid.UUID(int=1), "set": {10, 9, 2}, "tuple": (1, (2,)),
            "nan": float("nan"), "inf": float("-inf"), 1: None, "huge": 1 << 20_000, "clash": {1: "a", "1": "b"},
            "error": ValueError("as a value"), "response": Response.json({"a": 1}),
        }

    @property
    def version(self) -> str:
        return "1.2"

    @property
    def table(self):
        return {"deep": {"er": [1, 2]}}

    async def odd(self):
        raise Oddity("strange\\nthings \\x1b[31m")

    async def fail(self):
        raise TimeoutError("mine")

    async def fail_silently(self):
        raise ValueError

    async def hang(self):
        print("begun", flush=True)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

    async def count(self, most: int, *, fail: bool = False):
        for number in range(most):
            yield {"number": number}
        if fail:
            raise ValueError("no more")

    async def lie(self) -> int:
        return "no number"

    async def large(self):
        return "x" * 500_000


class Admin(WorkerEntrypoint):
    async def create(self, name: str, *, role: str = "user") -> dict:
        return {"name": name, "role": role}
'''


@pytest.fixture(scope="module")
def shell(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("reckoner")
    (folder / "reckoner.py").write_text(SERVICE)
    (folder / "wrangler.toml").write_text('name = "reckoner"\nmain = "reckoner.py"\n')
    prefix = f"test-{secrets.token_hex(4)}"
    with worker_of(folder, redis_server, prefix) as worker:
        shell = Shell(redis_server, prefix, worker)
        shell.worker_says("ready ")
        yield shell


# Arguments


def test_call_prints_its_result(shell):
    assert shell.call("reckoner.add", "1", "2") == (0, "3\n", "")


@pytest.mark.parametrize(
    ("words", "args", "kwargs"),
    [
        ([], [], {}),
        (["1", "-2", "-1e5", "1.5", "true", "null"], [1, -2, -1e5, 1.5, True, None], {}),
        (["one", "", "NaN", "01", "{", "größe"], ["one", "", "NaN", "01", "{", "größe"], {}),
        (['"1"', '"a=b"', '"NaN"'], ["1", "a=b", "NaN"], {}),
        (["[1, {}]", '{"a=b": "c=d"}'], [[1, {}], {"a=b": "c=d"}], {}),
        (["a=1", "x", 'b="1"', "c=d=e", "größe="], ["x"], {"a": 1, "b": "1", "c": "d=e", "größe": ""}),
        (["http://host/?a=b", "1a=2", "a-b=c"], ["http://host/?a=b", "1a=2", "a-b=c"], {}),
        (["--", "--json", "-x", "--"], ["--json", "-x", "--"], {}),
    ],
)
def test_arguments_are_json_where_they_parse_and_text_elsewhere(shell, words, args, kwargs):
    assert shell.value("reckoner.echo", *words) == [args, kwargs]


def test_options_may_stand_anywhere(shell):
    ended = shell.run("call", "--timeout", "5s", "reckoner.add", "--json", "1", f"--broker={shell.url}", "2")
    before = shell.run("--broker", shell.url, "call", "reckoner.add", "1", "2")

    assert ended == (0, "3\n", "")
    assert before == (0, "3\n", "")


def test_named_entrypoint_is_called_with_keyword_arguments(shell):
    assert shell.value("reckoner#Admin.create", "bob", "role=boss") == {"name": "bob", "role": "boss"}


def test_broker_and_prefix_are_options_too(shell):
    options = ("--broker", shell.url, "--prefix", shell.prefix)

    ended = shell.call("reckoner.add", "1", *options, BROKER_URL=NOWHERE, CALLYARD_PREFIX="other")

    assert ended == (0, "1\n", "")


def test_property_is_read(shell):
    assert shell.call("reckoner.version", "--property") == (0, "1.2\n", "")
    assert shell.value("reckoner.table.deep.er", "--property") == [1, 2]


def test_names_of_the_stub_itself_are_remote_names_here(shell):
    code, line, _ = shell.failure("call", "reckoner.dup")

    assert code == 1
    assert line.startswith("error: ReservedMethod: ")


# Results


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("null", "null"),
        ("true", "true"),
        ("1.0", "1.0"),
        ("größe", "größe"),
        ('"two\\nlines"', "two\nlines"),
        ("[]", "[]"),
        ('{"a": [1, "ö"]}', '{"a": [1, "ö"]}'),
    ],
)
def test_result_is_shown_plainly(shell, word, shown):
    assert shell.call("reckoner.same", word, PYTHONUTF8="1") == (0, f"{shown}\n", "")


def test_result_that_is_wide_is_spread_over_lines(shell):
    value = {"first": "x" * 60, "second": "y" * 60}

    ended = shell.call("reckoner.same", json.dumps(value))

    assert ended.out == json.dumps(value, indent=2) + "\n"


def test_character_that_the_terminal_lacks_is_no_failure(shell):
    assert shell.call("reckoner.same", "größe", PYTHONUTF8="0", PYTHONIOENCODING="ascii").out == "gr\\xf6\\xdfe\n"


def test_values_that_json_lacks_are_shown_sensibly(shell):
    value = shell.value("reckoner.values")

    response = value.pop("response")
    assert int(value.pop("huge"), 16) == 1 << 20_000
    assert (response["status"], response["body"], response["headers"]["content-type"]) == (
        200, '{"a": 1}', "application/json",
    )  # fmt: skip
    assert value == {
        "bytes": "AP8=",
        "datetime": "2024-05-06T07:08:09+02:00",
        "date": "2024-05-06",
        "time": "07:08:00",
        "span": 90.0,
        "decimal": "1.10",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "set": [2, 9, 10],
        "tuple": [1, [2]],
        "nan": "NaN",
        "inf": "-Infinity",
        "1": None,
        "clash": [[1, "a"], ["1", "b"]],
        "error": {"name": "ValueError", "message": "as a value"},
    }


def test_response_is_shown_as_its_status_and_text(shell):
    ended = shell.call("reckoner.fetch", "/a", "method=POST", 'headers={"x-token": "t"}', 'body={"b": 1}')

    assert ended == (0, '201 Created\nPOST http://service/a t {"b": 1}\n', "")


def test_response_is_an_object_in_json(shell):
    response = shell.value("reckoner.fetch", "https://example.com/b")

    assert (response["status"], response["status_text"], response["headers"]["x-seen"]) == (201, "Created", "yes")
    assert response["body"] == "GET https://example.com/b None "


def test_each_item_of_a_stream_is_a_line_of_json(shell):
    assert shell.call("reckoner.count", "3") == (0, '{"number": 0}\n{"number": 1}\n{"number": 2}\n', "")


def test_a_stream_that_breaks_keeps_what_it_gave_and_exits_with_1(shell):
    assert shell.call("reckoner.count", "1", "fail=true") == (1, '{"number": 0}\n', "error: ValueError: no more\n")


# Failures


def test_exception_of_the_callee_is_one_line(shell):
    code, line, error = shell.failure("call", "reckoner.odd")

    assert (code, line) == (1, "error: Oddity: strange things \\x1b[31m")
    assert error == {
        "name": "Oddity", "message": "strange\nthings \x1b[31m", "remote": True, "retryable": False, "executed": "yes",
    }  # fmt: skip


def test_exception_without_a_message_is_its_name(shell):
    assert shell.call("reckoner.fail_silently") == (1, "", "error: ValueError\n")


def test_result_that_breaks_the_promise_of_its_method_is_an_exception_of_the_callee(shell):
    ended = shell.call("reckoner.lie")

    assert ended.code == 1
    assert ended.err.startswith("error: TypeError: reckoner.lie(): the result should be a valid integer")


def test_timeout_error_of_the_callee_is_no_deadline(shell):
    assert shell.call("reckoner.fail") == (1, "", "error: TimeoutError: mine\n")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["reckoner.nothing"], "MethodNotFound"),
        (["reckoner._private"], "MethodNotFound"),
        (["reckoner.__class__"], "MethodNotFound"),
        (["reckoner.add", "one"], "InvalidArguments"),
        (["reckoner.add", "1", "--property"], "UsageError"),
        (["reckoner.add", "--property"], "DataCloneError"),
    ],
)
def test_refusal_of_the_callee_has_its_name(shell, words, name):
    code, line, error = shell.failure("call", *words)

    assert code == (2 if name == "UsageError" else 1)
    assert line.startswith(f"error: {name}: ")
    assert (error["name"], error["executed"]) == (name, "no")


@pytest.mark.parametrize(
    "words",
    [
        ["calls"],
        ["--json"],
        ["call"],
        ["call", "reckoner"],
        ["call", ".add"],
        ["call", "reckoner#.add"],
        ["call", "reckoner..add"],
        ["call", "reckoner" + ".x" * 65],
        ["call", "a b.c"],
        ["call", "reckoner#A-b.add"],
        ["call", "reckoner.add", "a=1", "a=2"],
        ["call", "reckoner.same", "[" * 100_000],
        ["call", "reckoner.same", "[" * 65 + "]" * 65],
        ["call", "reckoner.same", '"\\ud800"'],
        ["call", "reckoner.add", "--unknown"],
        ["call", "reckoner.add", "--timeout"],
        ["call", "reckoner.add", "--timeout", "soon"],
        ["call", "reckoner.add", "--timeout", "0"],
        ["call", "reckoner.add", "--broker", "http://localhost"],
        ["call", "reckoner.fetch"],
        ["call", "reckoner.fetch", "nonsense"],
        ["call", "reckoner.fetch", "/", "body=text"],
        ["call", "reckoner.fetch", "/", "colour=red"],
        ["describe"],
        ["describe", "one", "two"],
        ["describe", "a b"],
    ],
    ids=lambda words: " ".join(words)[-30:],
)
def test_wrong_use_exits_with_2(shell, words):
    code, _, error = shell.failure(*words)

    assert (code, error["executed"]) == (2, "no")


def test_no_arguments_print_help(shell):
    ended = shell.run()

    assert (ended.code, ended.out) == (2, "")
    assert "describe" in ended.err


@pytest.mark.parametrize("words", [["--help"], ["call", "--help"], ["describe", "-h"]])
def test_help_says_the_exit_codes(shell, words):
    ended = shell.run(*words)

    assert (ended.code, ended.err) == (0, "")
    assert "4 deadline" in ended.out


@pytest.mark.parametrize("words", [["call", "reckoner.add"], ["describe", "reckoner"]])
def test_no_broker_exits_with_3(shell, words):
    code, line, _ = shell.failure(*words, "--broker", "redis://:secret@127.0.0.1:1")

    assert code == 3
    assert line.startswith("error: BrokerUnavailable: ")
    assert "secret" not in line


@pytest.mark.parametrize("words", [["call", "reckoner.add"], ["describe", "reckoner"]])
def test_broker_that_never_answers_exits_with_3(shell, words):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, line, _ = shell.failure(*words, "--broker", f"redis://127.0.0.1:{silent.getsockname()[1]}")

    assert code == 3
    assert line.startswith("error: BrokerUnavailable: ")


@pytest.mark.parametrize("words", [["call", "nobody.add"], ["call", "reckoner#Nobody.add"], ["describe", "nobody"]])
def test_no_service_exits_with_3(shell, words):
    code, line, _ = shell.failure(*words)

    assert code == 3
    assert line.startswith("error: ServiceUnavailable: ")


def test_deadline_exits_with_4_and_cancels_the_callee(shell):
    code, line, error = shell.failure("call", "reckoner.hang", "--timeout", "500ms")

    assert code == 4
    assert line.startswith("error: CallTimeout: ")
    # The worker knows that it ran, but its word may come after the caller's own clock.
    assert error["executed"] in {"maybe", "yes"}
    shell.worker_says("cancelled")


def test_a_terminal_is_told_that_a_long_call_goes_on_and_nothing_of_it_stays(shell):
    main, other = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "client", "call", "reckoner.hang", "--timeout", "1500ms"], cwd=ROOT,
        env=shell.environment | {"PYTHONUTF8": "1"}, stderr=other,
    ) as process:  # fmt: skip
        os.close(other)
        said = b""
        while b"error: CallTimeout" not in said:
            said += os.read(main, 65536)
    os.close(main)

    assert process.returncode == 4
    assert "reckoner.hang … 1 s, Ctrl-C cancels it\r\x1b[Kerror: CallTimeout" in said.decode()
    shell.worker_says("cancelled")


def test_a_result_cannot_steer_the_terminal_and_goes_into_pipes_as_it_is(shell):
    word = "\x1b]0;owned\x07\x9b31mred\x7f\u202eder\ttab"

    assert on_terminal(shell.environment, "call", "reckoner.same", word) == (
        r"\x1b]0;owned\x07\x9b31mred\x7f\u202eder" + "\ttab\r\n"
    )
    assert shell.call("reckoner.same", word, PYTHONUTF8="1").out == f"{word}\n"


def test_help_keeps_names_and_what_they_are_for_apart(shell):
    assert re.search(r"^  completion +print ", shell.run("--help").out, re.MULTILINE)


def test_interrupt_exits_with_130_and_cancels_the_callee(shell):
    with shell.start("call", "reckoner.hang") as process:
        shell.worker_says("begun")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (130, "")
    assert err.startswith("error: Interrupted: ")
    assert err.count("\n") == 1
    shell.worker_says("cancelled")


def test_reader_that_goes_away_is_no_failure(shell):
    with shell.start("call", "reckoner.large") as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        err = process.stderr.read()

    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_one_line(shell):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "client", "call", "reckoner.add", "1"],
            cwd=ROOT, env=shell.environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith("error: OSError: ")
    assert done.stderr.count("\n") == 1


# Describing


def test_describe_lists_entrypoints_methods_and_documentation(shell):
    ended = shell.run("describe", "reckoner")

    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert re.fullmatch(r"reckoner  \(code [0-9a-f]{16}\)", lines[0])
    assert lines[1:4] == ["  Default", "    Reckons.", "    fetch(request) -> Response"]
    assert lines[-2:] == ["  Admin", "    create(name: str, *, role: str = 'user') -> dict"]
    assert "    version: str  (property)" in lines
    assert "    table  (property)" in lines
    at = lines.index("    add(a: int, b: int = 0) -> int")
    assert lines[at + 1 : at + 4] == ["      Adds.", "", "      Both are whole numbers."]


def test_describe_gives_schemas_in_json(shell):
    ended = shell.run("describe", "reckoner", "--json")

    described = json.loads(ended.out)
    add = described["entrypoints"]["Default"]["members"]["add"]
    assert (ended.code, described["service"]) == (0, "reckoner")
    assert add["returns"] == {"type": "integer"}
    assert add["signature"] == "add(a: int, b: int = 0) -> int"


# Start


def test_starting_loads_no_pydantic(shell):
    program = "import sys, client.cli; print('pydantic' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"

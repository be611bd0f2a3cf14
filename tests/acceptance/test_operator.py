"""`python -m broker`: dead letters and the doctor, as operators use them. On a real server only."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from broker.codec import pack
from client import CallAbandoned, options, submit
from tests.support.servers import configured
from tests.support.workers import ROOT, until

pytestmark = pytest.mark.redis


def operate(url, *arguments, prefix="callyard"):
    """Exit code, output and errors of one command."""
    done = subprocess.run(
        [sys.executable, "-m", "broker", *arguments, "--broker", url, "--prefix", prefix],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
async def letters(place, server):
    """Three dead letters: a failure that nobody heard of, an abandoned call, and garbage."""
    first = place.workers.serve(place.probe(), lease="500ms")
    async with place.connect() as services:
        await submit(services.probe.fail, "ValueError", "first words")
        await until(lambda: server.xlen(place.key("dead")) == 1, "the failure")
        once = options(services.probe, retries=0).hold("gate")
        await place.diary.says("holding gate")
        os.kill(first.pid, signal.SIGKILL)
        place.workers.serve(place.folder / "probe", lease="500ms")
        with pytest.raises(CallAbandoned):
            await once
        server.xadd(place.key("calls", "Default"), {"m": b"garbage"})
        await until(lambda: server.xlen(place.key("dead")) == 3, "the garbage")
    return [entry_id.decode() for entry_id, _ in server.xrange(place.key("dead"))]


async def test_dead_letters_are_listed_shown_replayed_and_dropped(place, server, letters):
    def dead(*arguments):
        return operate(place.url, "dead", *arguments, prefix=place.prefix)

    code, said, _ = dead("list", "probe")
    assert code == 0
    assert [line.split()[3] for line in said.splitlines()] == ["failed", "abandoned", "undecodable"]
    code, said, _ = dead("list", "probe", "--reason", "abandoned", "--json")
    [abandoned] = json.loads(said)
    assert (abandoned["method"], abandoned["arguments"]) == ("hold", "'gate'")

    code, said, _ = dead("show", "probe", letters[0])
    assert code == 0
    assert "first words" in said
    assert "ValueError" in said

    code, said, _ = dead("replay", "probe", letters[1], "--args", '["other gate"]')
    assert code == 0
    await place.diary.says("holding other gate")
    place.open("other gate")
    await place.diary.says("passed other gate")
    code, _, errors = dead("replay", "probe", letters[1])
    assert code == 1
    assert letters[1] in errors
    assert dead("replay", "probe", letters[2])[0] == 1

    assert dead("drop", "probe")[0] == 2
    assert dead("drop", "probe", "--all")[0] == 0
    assert server.xlen(place.key("dead")) == 0


async def test_replayed_call_fails_into_a_letter_again_and_carries_its_traceback_digest(place, server, letters):
    code, _, _ = operate(place.url, "dead", "replay", "probe", letters[0], prefix=place.prefix)
    assert code == 0
    await until(lambda: server.xlen(place.key("dead")) == 3 and server.xlen(place.key("calls", "Default")) == 0)
    code, said, _ = operate(place.url, "dead", "list", "probe", "--reason", "failed", "--json", prefix=place.prefix)
    [failed] = json.loads(said)
    assert failed["id"] != letters[0]
    assert re.fullmatch("[0-9a-f]{16}", failed["digest"])


def test_commands_say_what_they_need(place):
    assert operate("redis://127.0.0.1:1", "doctor")[0] == 3
    assert operate("localhost", "doctor")[0] == 2
    assert operate(place.url, "dead", "replay", "probe", "--all", "--args", "{")[0] == 2
    assert operate(place.url, "dead", "list", "no such name")[0] == 2
    code, _, errors = operate(place.url, "nonsense")
    assert code == 2
    assert "Traceback" not in errors


async def test_doctor_finds_nothing_wrong_with_a_service_at_work(place):
    place.workers.serve(place.probe())
    async with place.connect() as services:
        assert await services.probe.add(1, 2) == 3
        with configured(place.url, appendonly="yes"):
            code, said, errors = operate(place.url, "doctor", prefix=place.prefix)
    assert (code, errors) == (0, ""), said
    assert "probe: 1 workers, 0 calls, 0 dead letters" in said
    assert "nothing is wrong" in said


def test_doctor_names_what_is_wrong_and_the_fix(place, server):
    stream = place.key("calls", "Default")
    server.xgroup_create(stream, "workers", "0", mkstream=True)
    server.xadd(stream, {"m": b"call"})
    server.set(place.key("result", "x.1"), "for ever")
    server.xadd(place.key("dead"), {"m": pack([1, "abandoned", "", "Default", b"1-1", 4, b"", {}])})
    with configured(place.url, maxmemory="1gb", maxmemory_policy="allkeys-lru"):
        code, said, _ = operate(place.url, "doctor", "--json", prefix=place.prefix)

    assert code == 1
    fixes = " ".join(f"{finding['what']} {finding['fix']}" for finding in json.loads(said))
    for part in ("noeviction", "appendonly yes", "no worker lives", "for ever", "1 dead letters", "dead list probe"):
        assert part in fixes

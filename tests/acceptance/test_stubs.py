"""Stubs as objects: copying them, giving them up, options, and what is refused before anything is sent."""

import asyncio
import math

import pytest

from client import (
    CallCancelled,
    CallTimeout,
    ConfigurationError,
    InvalidName,
    MethodNotFound,
    PayloadTooLarge,
    StubDisposed,
    connect,
    connect_blocking,
    options,
    read,
    submit,
)
from workers import Request


async def test_fetch_sends_a_request_and_gets_the_response(services):
    response = await services.probe.fetch("https://any.example/path?x=1", method="POST", body="hello")

    assert response.status == 201
    assert await response.text() == "POST https://any.example/path?x=1 hello"


async def test_fetch_takes_a_request_as_it_is(services):
    response = await services.probe.fetch(Request("https://any.example/"))

    assert await response.text() == "GET https://any.example/ "


async def test_disposed_stub_refuses_calls_and_its_duplicate_lives_on(services):
    stub = services.service("probe")
    with stub.dup() as other:
        stub.dispose()
        stub.dispose()
        with pytest.raises(StubDisposed, match="RPC stub used after being disposed"):
            await stub.add(1, 2)
        assert await other.add(1, 2) == 3
    with pytest.raises(StubDisposed):
        other.dup()


async def test_stub_is_disposed_at_the_end_of_async_with(services):
    async with services.service("probe") as stub:
        assert await stub.add(1, 2) == 3
    with pytest.raises(StubDisposed):
        await stub.add(1, 2)


async def test_stub_its_members_and_its_calls_say_what_they_are(services):
    stub = services.service("probe", "Admin")
    call = stub.role()

    assert repr(stub) == "<stub of probe#Admin>"
    assert repr(stub.role) == "<member role of <stub of probe#Admin>>"
    assert call.call_id in repr(call)
    assert "open" in repr(call)
    await call
    assert "done" in repr(call)


async def test_python_protocols_find_nothing_on_a_stub(services):
    for thing in (services.probe, services.probe.add):
        with pytest.raises(AttributeError):
            thing.__len__  # noqa: B018
    with pytest.raises(AttributeError):
        services._private  # noqa: B018


async def test_path_deeper_than_64_names_is_refused(services):
    member = services.probe.a
    for _ in range(63):
        member = member.b
    with pytest.raises(TypeError, match="too deep"):
        member.b  # noqa: B018


async def test_options_of_a_member_hold_for_its_calls_alone(services):
    quick = options(services.probe.hold_quietly, timeout=0.05)

    with pytest.raises(CallTimeout):
        await quick("never")
    assert await options(services.probe, timeout=5, retries=0).add(1, 2) == 3


def test_options_and_submit_say_what_they_take():
    with pytest.raises(TypeError, match="a stub or a member"):
        options("probe", timeout=1)
    with pytest.raises(TypeError, match="a method of a stub"):
        asyncio.run(submit("probe", 1))


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"timeout": math.nan}, ValueError),
        ({"timeout": "x"}, TypeError),
        ({"retries": -1}, ValueError),
        ({"retries": 1.5}, TypeError),
        ({"retries": 2**70}, ValueError),
        ({"keep_result": math.inf}, ValueError),
        ({"keep_result": 0}, ValueError),
        ({"keep_result": 1e16}, ValueError),
        ({"idempotency_key": ""}, ValueError),
        ({"idempotency_key": "x" * 257}, ValueError),
        ({"idempotency_key": 5}, TypeError),
    ],
)
async def test_option_that_makes_no_sense_is_refused_by_name(services, given, kind):
    (name,) = given
    with pytest.raises(kind, match=name):
        options(services.probe, **given)
    if name == "keep_result":
        with pytest.raises(kind, match=name):
            await submit(services.probe.add, 1, 2, **given)


async def test_name_that_no_method_can_have_is_refused_before_anything_is_sent(services):
    for name in ("\ud800", "a b", "x" * 129):
        with pytest.raises(MethodNotFound):
            await getattr(services.probe, name)()


async def test_call_given_up_in_the_tick_that_made_it_is_never_made(services, stage):
    call = services.probe.mark("given up at once")
    call.cancel()
    call.cancel()

    assert await services.probe.mark("made after it") == "made after it"
    await stage.diary.says("made after it")
    assert "given up at once" not in stage.diary.lines
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_call_awaited_twice_raises_the_same_error_with_frames_of_its_own(services):
    call = services.probe.fail("ValueError", "once")
    with pytest.raises(ValueError, match="once") as first:
        await call
    with pytest.raises(ValueError, match="once") as second:
        await call
    assert first.value is second.value


async def test_error_of_the_arguments_is_the_outcome_of_the_call(services):
    call = services.probe.name_it(1, [2, object()])
    named = services.probe.name_it(key={"inner": object()})

    with pytest.raises(TypeError, match=r"It stands at argument 2\[1\]"):
        await call
    with pytest.raises(TypeError, match=r"It stands at argument 'key'\['inner'\]"):
        await named


async def test_call_larger_than_a_message_is_refused_by_the_sender(stage):
    async with stage.connect(max_message_bytes=2048) as services:
        with pytest.raises(PayloadTooLarge, match=r"max_message_bytes|2048"):
            await services.probe.echo(b"x" * 4096)
        assert await services.probe.echo(b"x" * 1000) == b"x" * 1000


async def test_closing_the_services_fails_calls_that_are_open(stage):
    async with stage.connect() as services:
        call = services.probe.hold_quietly("never")
        stub = services.probe
        await services.probe.add(1, 2)
    with pytest.raises(CallCancelled, match="closed"):
        await call
    with pytest.raises(CallCancelled, match="closed"):
        await stub.add(1, 2)
    with pytest.raises(RuntimeError, match="async with"):
        services.service("probe")


async def test_impossible_names_are_refused_at_once(services):
    with pytest.raises(InvalidName):
        services.service("no such name")
    with pytest.raises(InvalidName):
        services.service("probe", entrypoint="0")


@pytest.mark.parametrize(
    ("text", "fits"), [("4MiB", True), ("64KiB", True), ("4096", True), ("4MB", False), ("1", False)]
)
def test_limit_of_a_message_is_read_from_the_environment(monkeypatch, text, fits):
    monkeypatch.setenv("CALLYARD_MAX_MESSAGE_BYTES", text)
    if fits:
        connect("redis://localhost")
    else:
        with pytest.raises(ConfigurationError, match=r"(?i)max_message_bytes"):
            connect("redis://localhost")


def test_blocking_stubs_do_what_the_others_do(stage):
    with connect_blocking(stage.url, prefix=stage.prefix) as services:
        stub = services.service("probe")
        assert services.probe.add(1, 2) == 3
        assert stub.fetch("https://any.example/").status == 201
        assert read(stub.version) == "1.2"
        assert options(stub, timeout=5).add(2, 2) == 4
        assert options(stub.add, timeout=5)(2, 3) == 5
        assert services.service("probe", "Admin", props={"role": "boss"}).role() == "boss"
        assert set(services.describe("probe")) == {"Default", "Admin"}
        assert repr(stub.add) == "<blocking <member add of <stub of probe#Default>>>"
        assert repr(stub) == "<blocking <stub of probe#Default>>"
        with stub.dup() as other:
            assert other.add(1, 1) == 2
        with pytest.raises(StubDisposed):
            other.add(1, 1)
        with pytest.raises(RuntimeError, match="mine"):
            stub.fail("RuntimeError", "mine")
        with pytest.raises(LookupError):
            services.result("00000000.1@probe")
    with pytest.raises(StubDisposed):
        stub.add(1, 2)


def test_blocking_services_say_how_they_are_used(stage):
    services = connect_blocking(stage.url)
    with pytest.raises(RuntimeError, match="with connect_blocking"):
        services.service("probe")
    with pytest.raises(AttributeError):
        services._private  # noqa: B018
    with pytest.raises(TypeError, match="member of a blocking stub"):
        read("version")

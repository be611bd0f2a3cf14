"""Calls as users make them: what comes back, what the method sees, what happens after the reply."""

import asyncio

import pytest

from client import MethodNotFound, RemoteError, connect_blocking, options, read
from tests.support.workers import until


async def test_result_of_a_method_comes_back(services):
    assert await services.probe.add(1, 2) == 3


async def test_call_starts_when_it_is_made(services, stage):
    call = services.probe.mark("started unawaited")

    await stage.diary.says("started unawaited")
    assert await call == "started unawaited"


async def test_builtin_exception_arrives_as_what_it_was_and_says_that_it_is_remote(services):
    with pytest.raises(ZeroDivisionError, match="by nothing") as caught:
        await services.probe.fail("ZeroDivisionError", "by nothing")

    assert caught.value.remote is True


async def test_timeout_error_of_the_method_is_no_call_timeout(services):
    with pytest.raises(TimeoutError, match="mine") as caught:
        await services.probe.fail("TimeoutError", "mine")

    assert type(caught.value) is TimeoutError


async def test_exception_of_an_own_type_arrives_as_remote_error_with_its_name_and_attributes(services):
    with pytest.raises(RemoteError) as caught:
        await services.probe.fail_oddly()

    error = caught.value
    assert (error.name, error.message, error.code, error.remote) == ("Odd", "strange things", 42, True)


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "StopIteration", "GeneratorExit"])
@pytest.mark.parametrize("method", ["fail", "fail_in_thread"])
async def test_exception_that_steers_the_interpreter_becomes_a_remote_error_and_the_worker_lives_on(
    services, kind, method
):
    # Python itself turns a StopIteration that leaves a coroutine into a RuntimeError.
    lost = kind == "StopIteration" and method == "fail"
    with pytest.raises(RuntimeError if lost else RemoteError) as caught:
        await getattr(services.probe, method)(kind)

    assert lost or caught.value.name == kind
    assert await services.probe.add(1, 2) == 3


@pytest.mark.parametrize("method", ["fail_with_hostility", "return_hostility"])
async def test_exception_whose_own_code_fails_is_still_an_answer(services, method):
    pid = await services.probe.pid()
    with pytest.raises((RuntimeError, TypeError, RemoteError)):
        await getattr(options(services.probe, timeout=5), method)()
    assert await services.probe.pid() == pid


async def test_keyword_arguments_are_keyword_arguments_at_the_callee(services):
    assert await services.probe.greet("Ann", greeting="Hi") == "Hi, Ann!"
    assert await services.probe.name_it(1, two=2) == ((1,), {"two": 2})


async def test_plain_method_runs_in_a_thread_and_blocks_nobody(services, stage):
    assert await services.probe.in_thread()
    blocking = services.probe.block("thread-gate")
    await stage.diary.says("blocking thread-gate")

    assert await services.probe.add(1, 2) == 3
    stage.open("thread-gate")
    assert await blocking == "thread-gate"


async def test_inline_method_runs_on_the_event_loop(services):
    assert await services.probe.inline()


async def test_property_is_read_by_awaiting_it(services):
    assert await services.probe.version == "1.2"
    assert await services.probe.slow_version == "2.0"


async def test_named_entrypoint_is_reached_by_its_name(services):
    assert await services.service("probe", entrypoint="Admin").role() == "nobody"
    with pytest.raises(MethodNotFound):
        await services.probe.role()


async def test_props_of_a_binding_are_the_props_of_the_context(services):
    assert await services.front.role() == "boss"
    assert await services.front.plain_role() == "nobody"


async def test_every_call_gets_a_new_instance(services):
    assert await asyncio.gather(*[services.probe.count() for _ in range(5)]) == [1] * 5


async def test_variables_and_secrets_are_in_env_and_in_the_importable_env(services):
    assert await services.probe.variables() == {
        "word": "word",
        "table": {"deep": [1, 2]},
        "secret": "hush",
        "imported": "word",
    }
    assert await services.probe.variables_in_thread() == "word"


async def test_service_calls_another_through_its_binding(services):
    assert await services.front.add(20, 22) == 42


async def test_exception_travels_through_two_services(services):
    assert await services.front.caught() == "caught 'k' True"
    with pytest.raises(IndexError, match="far away") as caught:
        await services.front.fail("IndexError", "far away")
    assert caught.value.remote is True


async def test_request_reaches_fetch_and_its_response_comes_back(services):
    response = await services.probe.fetch("https://host/path?q=1", method="POST", body="hello")

    assert (response.status, await response.text()) == (201, "POST https://host/path?q=1 hello")


async def test_fetch_through_a_binding(services):
    response = await services.front.fetch("https://host/")

    assert await response.text() == "201 GET https://host/ "


async def test_context_knows_the_call_its_attempt_and_its_deadline(services):
    call = options(services.probe, timeout=20).context()
    context = await call

    assert context["id"] == call.call_id
    assert (context["attempt"], context["cancelled"]) == (1, False)
    assert 15 < context["left"] <= 20.5


async def test_default_deadline_is_sixty_seconds(services):
    assert 55 < (await services.probe.context())["left"] <= 60.5


@pytest.mark.parametrize(
    ("method", "arguments", "kind", "text"),
    [
        ("abort", (), RuntimeError, "was aborted due to call to ctx.abort"),
        ("abort", ("no more",), RuntimeError, "no more"),
        ("abort_in_thread", ("from a thread",), RuntimeError, "from a thread"),
        ("abort_in_background", ("from behind",), RuntimeError, "from behind"),
        ("abort_with_error", (), LookupError, "gone"),
    ],
)
async def test_abort_ends_the_call_with_its_reason(services, method, arguments, kind, text):
    with pytest.raises(kind, match=text) as caught:
        await getattr(services.probe, method)(*arguments)

    assert type(caught.value) is kind


async def test_abort_ends_background_tasks_and_leaves_nothing(services, stage, broker):
    with pytest.raises(RuntimeError, match="enough"):
        await services.probe.abort_behind("never")

    await until(lambda: broker.xlen(stage.key("calls", "Default")) == 0, "the entry to be gone")


async def test_exports_are_bindings_to_the_own_entrypoints(services):
    assert await services.probe.exported() == ["exported", 5]


@pytest.mark.parametrize("method", ["signup", "signup_anywhere", "signup_in_thread", "signup_badly"])
async def test_reply_arrives_while_the_entry_stays_pending_until_its_background_task_ends(
    services, stage, broker, method
):
    stream = stage.key("calls", "Default")
    gate = f"{method}-gate"

    assert await getattr(services.probe, method)(gate) == "Success"

    assert broker.xpending(stream, "workers")["pending"] == 1
    assert f"told {gate}" not in stage.diary.lines
    stage.open(gate)
    await stage.diary.says(f"told {gate}")
    await until(lambda: broker.xlen(stream) == 0, "the entry to be gone")
    assert broker.xpending(stream, "workers")["pending"] == 0


async def test_blocking_client_calls_from_several_threads(stage):
    with connect_blocking(stage.url, prefix=stage.prefix) as services:
        calls = [asyncio.to_thread(services.probe.add, n, n) for n in range(20)]

        assert await asyncio.gather(*calls) == [2 * n for n in range(20)]
        assert await asyncio.to_thread(read, services.probe.version) == "1.2"
        with pytest.raises(KeyError):
            await asyncio.to_thread(services.probe.fail, "KeyError", "k")

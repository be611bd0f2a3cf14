"""Queues end to end: real workers, a real server, and consumers that die."""

import asyncio
import json
import re
import secrets
import signal
from collections import Counter
from functools import partial

import msgpack
import pytest
import redis

from broker.operator.cli import main
from client import RemoteError, connect
from tests.acceptance.conftest import Place
from tests.support.pages import acl_lines
from tests.support.servers import serving
from tests.support.workers import service_folder, until, workers_on

pytestmark = pytest.mark.redis


def jobs_folder(place, **consumer):
    """The folder of the service with these settings of its consumer."""
    return service_folder(
        place.folder,
        "jobs",
        vars={"DIARY": str(place.diary.path)},
        kv_namespaces=[{"binding": "CACHE", "id": "cache"}],
        services=[{"binding": "SELF", "service": "jobs"}],
        queues={
            "producers": [{"binding": "JOBS", "queue": "work"}],
            "consumers": [{"queue": "work", "max_batch_timeout": 0, **consumer}],
        },
    )


@pytest.fixture
def jobs(place):
    return partial(jobs_folder, place)


@pytest.fixture(scope="module")
def yard(redis_server, tmp_path_factory):
    """One worker for all tests whose messages do not disturb each other."""
    folder = tmp_path_factory.mktemp("yard")
    with workers_on(redis_server, f"test-{secrets.token_hex(4)}") as workers:
        place = Place(redis_server, workers.prefix, folder, workers)
        workers.serve(jobs_folder(place, retry_delay=0.1))
        yield place


def key(place, part, queue="work"):
    return f"{place.prefix}:{{queue:{queue}}}:{part}"


async def emptied(place, server, queue="work"):
    """Wait until nothing is left of the queue but its stream and group."""

    def empty():
        stream = key(place, "messages", queue)
        pending = server.xpending(stream, "workers")["pending"] if server.exists(stream) else 0
        return not (server.xlen(stream) or pending or server.zcard(key(place, "delayed", queue)))

    await until(empty, "the queue to be empty")


def letters(place, server, queue="work"):
    return [msgpack.unpackb(fields[b"m"]) for _, fields in server.xrange(key(place, "dead", queue))]


async def test_what_is_sent_is_handled_once_and_leaves_nothing_behind(place, server, jobs):
    worker = place.workers.serve(jobs())
    async with place.connect() as services:
        await services.jobs.send({"n": 1})
        await services.jobs.send("text", content_type="text")
        await services.jobs.send(b"bytes", contentType="bytes")
        await services.jobs.send((1, {2}), contentType="v8")
        for line in ("work {'n': 1} 1", "work text 1", "work b'bytes' 1", "work (1, {2}) 1"):
            await place.diary.says(line)
        await emptied(place, server)
        assert len([line for line in place.diary.lines if line.startswith("work")]) == 4
        with pytest.raises(TypeError, match='contentType="v8"'):
            await services.jobs.send({1, 2})
        with pytest.raises(TypeError, match="requires at least one message"):
            await services.jobs.send_all([])
        with pytest.raises(ValueError, match="bulk message count of 101 exceeds limit of 100"):
            await services.jobs.send_all(["x"] * 101)
        with pytest.raises(ValueError, match="bulk message length of 300006 bytes exceeds limit of 256000"):
            await services.jobs.send_all(["x" * 100_000] * 3)
        with pytest.raises(ValueError, match="message length of 128001 bytes exceeds limit of 128000"):
            await services.jobs.send(bytes(128_001), contentType="bytes")
    marks = list(server.scan_iter(f"{place.prefix}:*:sent:*"))
    assert len(marks) == 4
    assert all(0 < server.pttl(mark) <= 60_000 for mark in marks)
    assert worker.terminate() == 0
    assert server.xinfo_consumers(key(place, "messages"), "workers") == []


async def test_messages_come_in_batches_of_the_size_asked_for_or_after_the_timeout(place, server, jobs):
    place.workers.serve(jobs(max_batch_size=4, max_batch_timeout=0.3))
    async with place.connect() as services:
        await services.jobs.send_all([str(number) for number in range(10)])
        await place.diary.says("batch of 4", times=2)
        await place.diary.says("batch of 2")
    await emptied(place, server)


async def test_a_failing_batch_is_tried_again_but_for_what_was_acknowledged(place, server, jobs):
    place.workers.serve(jobs(max_retries=1, max_batch_timeout=0.2))
    async with place.connect() as services:
        await services.jobs.send_all(["ack", "fail on purpose"])
        await until(lambda: server.xlen(key(place, "dead")) == 1, "the dead letter")
    await emptied(place, server)
    assert Counter(line for line in place.diary.lines if line.startswith("work")) == {
        "work ack 1": 1, "work fail on purpose 1": 1, "work fail on purpose 2": 1,
    }  # fmt: skip
    [[version, reason, detail, *_]] = letters(place, server)
    assert (version, reason, detail) == (1, "failed", "it was tried 2 times")


async def test_explicit_retries_wait_for_their_delay_and_count(yard, server):
    async with yard.connect() as services:
        await services.jobs.send("retry 0.2")
        await services.jobs.send("retry-all")
        await yard.diary.says("work retry 0.2 3")
        await yard.diary.says("work retry-all 2")
    await emptied(yard, server)


async def test_what_failed_too_often_goes_to_the_dead_letter_queue(place, server, jobs):
    folder = jobs(max_retries=0, dead_letter_queue="failed")
    place.workers.serve(folder)
    other = service_folder(
        place.folder, "jobs", name="undertaker", vars={"DIARY": str(place.diary.path)},
        queues={"consumers": [{"queue": "failed", "max_batch_timeout": 0, "max_retries": 1}]},
    )  # fmt: skip
    async with place.connect() as services:
        await services.jobs.send("fail once")
        await until(lambda: server.xlen(key(place, "messages", "failed")) == 1, "the message in the other queue")
        place.workers.serve(other)
        await place.diary.says("failed fail once 2")
        await until(lambda: server.xlen(key(place, "dead", "failed")) == 1, "the dead letter of that queue")
    assert place.diary.lines == ["work fail once 1", "failed fail once 1", "failed fail once 2"]
    assert server.xlen(key(place, "dead")) == 0
    await emptied(place, server)
    await emptied(place, server, "failed")


async def test_failed_background_task_has_the_batch_tried_again(yard, server):
    async with yard.connect() as services:
        await services.jobs.send("background gate")
        await yard.diary.says("work background gate 1")
        yard.open("gate")
        await yard.diary.says("work background gate 2")
    await emptied(yard, server)


async def test_handler_calls_other_services(yard):
    async with yard.connect() as services:
        await services.jobs.send("call hello")
        await yard.diary.says("answer hello")


PLAIN = """
import threading
from pathlib import Path

from workers import WorkerEntrypoint, env


class Default(WorkerEntrypoint):
    def queue(self, batch):
        [message] = batch.messages
        Path(env.DIARY).write_text(f"{message.body} {threading.current_thread().name.rpartition('_')[0]}\\n")

    def send(self):
        return 1
"""


async def test_plain_handler_with_the_batch_alone_runs_in_a_thread(place, server, jobs):
    folder = jobs()
    (folder / "jobs.py").write_text(PLAIN, encoding="utf-8")
    place.workers.serve(folder)
    server.xadd(key(place, "messages"), {"m": msgpack.packb([1, "id", 0, 0, "text", b"x"])})
    await place.diary.says("x callyard-queue")
    await emptied(place, server)


async def test_delayed_message_is_not_delivered_before_its_time(yard, server):
    async with yard.connect() as services:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await services.jobs.send("later", delaySeconds=0.5)
        assert server.zcard(key(yard, "delayed")) == 1
        await services.jobs.send("now")
        await yard.diary.says("work later 1")
        assert 0.5 <= loop.time() - begun < 2.5
    assert [line for line in yard.diary.lines if line in {"work now 1", "work later 1"}] == [
        "work now 1",
        "work later 1",
    ]


async def test_messages_wait_for_a_consumer(place, server, jobs):
    folder = jobs()
    worker = place.workers.serve(folder)
    async with place.connect() as services:
        await services.jobs.send("hold gate")
        await place.diary.says("work hold gate 1")
        worker.signal(signal.SIGTERM)
        place.open("gate")
        assert worker.ended() == 0
    server.xadd(key(place, "messages"), {"m": msgpack.packb([1, "id", 0, 0, "json", b'"found"'])})
    place.workers.serve(folder)
    await place.diary.says("work found 1")
    await emptied(place, server)
    assert place.diary.lines.count("passed gate") == 1


async def test_messages_of_a_killed_consumer_are_handled_by_another_after_one_lease(place, server, jobs):
    folder = jobs(max_batch_size=5, max_batch_timeout=0.1)
    victim = place.workers.serve(folder)
    async with place.connect() as services:
        await services.jobs.send_all(["hold gate", "b", "c"])
        await place.diary.says("batch of 3")
        victim.signal(signal.SIGKILL)
        place.workers.serve(folder)
        place.open("gate")
        for line in ("work hold gate 2", "work b 2", "work c 2"):
            await place.diary.says(line)
    await emptied(place, server)
    assert letters(place, server) == []
    assert place.diary.lines.count("passed gate") == 1


async def test_living_consumer_keeps_its_messages_for_many_leases(place, server, jobs):
    folder = jobs()
    for _ in range(2):
        place.workers.serve(folder, lease="300ms")
    async with place.connect() as services:
        await services.jobs.send("hold gate")
        await place.diary.says("work hold gate 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await place.diary.says("work hold gate 2")
        place.open("gate")
        await place.diary.says("passed gate")
    await emptied(place, server)


async def test_message_that_kills_its_consumers_dies_alone(place, server, jobs):
    pool = place.workers.start(jobs(max_retries=1, max_batch_timeout=0.1), "--processes", "2", lease="300ms")
    pool.ready(2)
    async with place.connect() as services:
        await services.jobs.send_all(["a", "kill", "b"])
        await until(lambda: server.xlen(key(place, "dead")) == 1, "the dead letter")
    await emptied(place, server)
    [[_, reason, detail, *_]] = letters(place, server)
    assert (reason, detail) == ("abandoned", "it was tried 2 times, and the last time lost its worker")
    assert sum(line.startswith("work kill") for line in place.diary.lines) == 2


async def test_consumer_past_its_grace_period_gives_its_messages_back(place, server, jobs):
    folder = jobs()
    first = place.workers.start(folder, "--grace", "100ms")
    first.ready()
    async with place.connect() as services:
        await services.jobs.send("hold gate")
        await place.diary.says("work hold gate 1")
        assert first.terminate() == 4
        place.workers.serve(folder, lease="1h")
        place.open("gate")
        await place.diary.says("passed gate")
    assert "work hold gate 2" in place.diary.lines
    await emptied(place, server)


async def test_rolling_restarts_lose_and_double_nothing(place, server, jobs):
    folder = jobs(max_batch_size=7, max_batch_timeout=0.05, max_concurrency=2)
    workers = [place.workers.serve(folder) for _ in range(2)]
    expected = [f"job-{number}" for number in range(400)]
    async with place.connect() as services:
        for start in range(0, 400, 50):
            await services.jobs.send_all(expected[start : start + 50])
            if start == 100:
                replacement = place.workers.start(folder)
                assert await asyncio.to_thread(workers.pop(0).terminate) == 0
                await asyncio.to_thread(replacement.ready)
                workers.append(replacement)
        await emptied(place, server)
    handled = Counter(line for line in place.diary.lines if line.startswith("work"))
    assert handled == {f"work {name} 1": 1 for name in expected}


async def test_full_queue_refuses_at_once(place, server, jobs):
    worker = place.workers.start(jobs(), "--backlog", "3")
    worker.ready()
    async with place.connect() as services:
        await services.jobs.send_all(["later"] * 3, delaySeconds=60)
        with pytest.raises(RemoteError, match="Queue work is overloaded: it holds 3 messages") as refused:
            await services.jobs.send("one more")
        assert refused.value.name == "Overloaded"
    assert server.zcard(key(place, "delayed")) == 3


async def test_hostile_entries_become_dead_letters_and_the_rest_goes_on(yard, server):
    stream = key(yard, "messages")
    for value in (b"garbage", msgpack.packb([9, "x"]), msgpack.packb([1, "id", 0, 0, "json", b"{"]), b"\xc1"):
        server.xadd(stream, {"m": value})
    server.xadd(stream, {"other": "field"})
    async with yard.connect() as services:
        await services.jobs.send("good")
        await yard.diary.says("work good 1")
    await emptied(yard, server)
    assert [letter[1] for letter in letters(yard, server)] == ["undecodable"] * 5


async def test_messages_sent_while_redis_restarts_arrive(lasting):
    place, redis = lasting
    place.workers.serve(jobs_folder(place), lease="2s")
    async with place.connect() as services:
        await services.jobs.send("before")
        redis.crash()
        sending = asyncio.ensure_future(services.jobs.send("during"))
        redis.start()
        await sending
        await place.diary.says("work before 1")
        await place.diary.says("work during 1")


async def test_all_workers_together_handle_no_more_batches_than_the_queue_allows(place, server, jobs):
    folder = jobs(max_batch_size=1, max_concurrency=1)
    workers = {place.workers.serve(folder, lease="300ms").pid: place.workers.started[-1] for _ in range(2)}
    async with place.connect() as services:
        await services.jobs.send_all([f"hold gate-{number}" for number in range(3)])
        await place.diary.says("work hold gate-0 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await place.diary.says("work hold gate-1 1")
        place.open("gate-0")
        await place.diary.says("work hold gate-1 1")

        [holder] = [name.decode() for name in server.hkeys(key(place, "places"))]
        workers[int(holder.rsplit("-", 2)[1])].signal(signal.SIGKILL)
        place.open("gate-1")
        place.open("gate-2")
        await place.diary.says("passed gate-2")
        await emptied(place, server)
    assert Counter(line for line in place.diary.lines if line.startswith("passed")) == {
        f"passed gate-{number}": 1 for number in range(3)
    }
    place.workers.close()
    assert server.exists(key(place, "places")) == 0


async def test_consumer_that_wakes_after_its_lease_does_no_harm(place, server, jobs):
    folder = jobs()
    sleeper = place.workers.serve(folder)
    async with place.connect() as services:
        await services.jobs.send("hold gate")
        await place.diary.says("work hold gate 1")
        sleeper.signal(signal.SIGSTOP)
        heir = place.workers.serve(folder)
        await place.diary.says("work hold gate 2")
        sleeper.signal(signal.SIGCONT)
        await until(
            lambda: any("lost the claim on message" in line for line in sleeper.errors), "the sleeper to notice"
        )

        place.open("gate")
        await emptied(place, server)
        heir.terminate()
        await services.jobs.send("next")
        await place.diary.says("work next 1")
    assert place.diary.lines.count("passed gate") == 1
    assert letters(place, server) == []


async def test_consumer_goes_on_when_its_queue_was_deleted_and_its_connections_were_killed(place, server, jobs):
    place.workers.serve(jobs())
    async with place.connect() as services:
        await services.jobs.send("one")
        await place.diary.says("work one 1")
        await emptied(place, server)
        server.delete(key(place, "messages"))
        server.client_kill_filter(_type="normal")
        await services.jobs.send("two")
        await place.diary.says("work two 1")
    await emptied(place, server)


async def test_abort_and_exit_fail_the_batch_and_nothing_else(place, server, jobs):
    worker = place.workers.serve(jobs(max_retries=0))
    async with place.connect() as services:
        await services.jobs.send("abort never")
        await services.jobs.send("exit now")
        await until(lambda: server.xlen(key(place, "dead")) == 2, "the dead letters")
        await services.jobs.send("next")
        await place.diary.says("work next 1")
    await emptied(place, server)
    assert worker.terminate() == 0


async def test_what_the_dead_letter_queue_refuses_is_kept_until_it_takes_it(place, server, jobs):
    place.workers.serve(jobs(max_retries=0, dead_letter_queue="failed", max_batch_timeout=0.2), lease="500ms")
    server.set(key(place, "messages", "failed"), "in the way")
    async with place.connect() as services:
        await services.jobs.send_all(["ack", "fail once"])
        await place.diary.says("batch of 2")
        await until(lambda: server.xlen(key(place, "messages")) == 1, "the other one to be settled")
        server.delete(key(place, "messages", "failed"))
        await until(lambda: server.xlen(key(place, "messages", "failed")) == 1, "the message in the other queue")
    await emptied(place, server)
    assert place.diary.lines.count("work fail once 1") == 1


async def test_operator_lists_replays_and_drops_dead_messages(place, server, jobs, capsys):
    async def operate(*arguments):
        """Exit code and output of one command."""
        where = ("--broker", place.url, "--prefix", place.prefix)
        code = await asyncio.to_thread(main, [*arguments, *where])
        return code, "".join(capsys.readouterr())

    place.workers.serve(jobs(max_retries=0))
    async with place.connect() as services:
        await services.jobs.send("fail once")
        server.xadd(key(place, "messages"), {"m": b"garbage"})
        await until(lambda: server.xlen(key(place, "dead")) == 2, "the dead letters")
        code, said = await operate("dead", "list", "queue:work", "--json")
        assert code == 0
        failed, garbage = sorted(json.loads(said), key=lambda letter: letter["reason"])
        assert (failed["reason"], failed["deliveries"], garbage["reason"]) == ("failed", 1, "undecodable")
        assert failed["method"] in (await operate("dead", "show", "queue:work", failed["id"]))[1]
        code, said = await operate("doctor")
        assert "queue:work: 0 messages, 2 dead letters" in said
        assert "for ever" not in said
        code, said = await operate("dead", "replay", "queue:work", failed["id"])
        assert (code, said) == (0, f"{failed['id']} replayed as message {failed['message']} of work\n")
        await place.diary.says("work fail once 1", times=2)
        assert (await operate("dead", "replay", "queue:work", failed["id"]))[0] == 1
        assert (await operate("dead", "replay", "queue:work", garbage["id"]))[0] == 1
        await emptied(place, server)
        assert (await operate("dead", "drop", "queue:work", "--all"))[0] == 0
    assert server.xlen(key(place, "dead")) == 0
    assert (await operate("dead", "list", "queue:no such"))[0] == 2


async def test_users_with_the_lines_of_the_manual_can_use_kv_and_queues(tmp_path):
    with serving("redis-server") as url, redis.Redis.from_url(url, protocol=2) as server:
        for line in acl_lines(SERVICE="jobs", NAMESPACE="cache", QUEUE="work"):
            server.execute_command(*line)

        def login(user):
            return url.replace("redis://", f"redis://{user}:PASSWORD@")

        with workers_on(login("worker-jobs"), "callyard") as workers:
            place = Place(url, "callyard", tmp_path, workers)
            folder = jobs_folder(place, max_retries=2, max_concurrency=4)
            first = workers.serve(folder, lease="500ms")
            async with connect(login("caller-jobs")) as services:
                await services.jobs.put("a", "1", metadata=1, expirationTtl=60)
                await services.jobs.delete("b")
                assert await services.jobs.get("a") == "1"
                assert len((await services.jobs.names())["keys"]) == 1
                server.zadd("callyard:{kv:cache}:expires", {"a": 1})
                await services.jobs.put("c", "2")
                assert server.hlen("callyard:{kv:cache}:values") == 1
                for body in ("retry 0.1", "fail", "hold gate"):
                    await services.jobs.send(body)
                await place.diary.says("work retry 0.1 3")
                await until(lambda: server.xlen(key(place, "dead")) == 1, "the dead letter")
                first.signal(signal.SIGKILL)
                second = workers.serve(folder, lease="500ms")
                place.open("gate")
                await place.diary.says("work hold gate 2")
                await emptied(place, server)
            assert second.terminate() == 0
            assert not [line for line in [*first.errors, *second.errors] if "NOPERM" in line or "permission" in line]


async def test_log_of_calls_has_a_line_for_each_batch(place, server, jobs):
    worker = place.workers.serve(jobs(max_retries=0, max_batch_size=2, max_batch_timeout=5), "--log-calls")

    async with place.connect() as services:
        await services.jobs.send_all(["x", "y"])
        await emptied(place, server)
        await services.jobs.send_all(["fail the reason", "z"])
        await emptied(place, server)

    def logged():
        return [re.sub(r"^[0-9:]+ | +[0-9.]+ m?s ", "", line).strip() for line in worker.output if "queue(" in line]

    await until(lambda: len(logged()) == 2, "two lines")
    assert logged()[0] == "jobs.queue(work, 2) ok"
    assert logged()[1].startswith("jobs.queue(work, 2) raised ValueError: the reason (jobs.py:")

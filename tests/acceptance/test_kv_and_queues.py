"""KV and queues of real workers, on every broker; and the configurations that do not start."""

import secrets

import pytest
import redis

from client import connect
from tests.support.workers import Diary, Workers, service_folder, until, workers_on

KV = [{"binding": "CACHE", "id": "cache"}]
QUEUES = {"producers": [{"binding": "JOBS", "queue": "work"}], "consumers": [{"queue": "work", "max_batch_timeout": 0}]}


@pytest.fixture
def workers(broker_url):
    with workers_on(broker_url, f"test-{secrets.token_hex(4)}") as workers:
        yield workers


@pytest.fixture
def diary(tmp_path):
    return Diary(tmp_path / "diary")


def connected(workers: Workers):
    return connect(workers.url, prefix=workers.prefix)


async def test_services_that_share_a_namespace_see_the_same_entries(workers, diary, tmp_path):
    for name in ("one", "two"):
        variables = {"DIARY": str(diary.path)}
        workers.start(service_folder(tmp_path, "jobs", name=name, vars=variables, kv_namespaces=KV))
    for worker in workers.started:
        worker.ready()
    async with connected(workers) as services:
        await services.one.put("a", "1", metadata={"by": "one"}, expirationTtl=3600)
        await services.two.put("b", '{"n": 2}')

        assert await services.two.get("a") == "1"
        assert await services.one.get("b", "json") == {"n": 2}
        found = await services.two.get_with_metadata("a")
        assert (found["value"], found["metadata"]) == ("1", {"by": "one"})
        page = await services.one.names(limit=1)
        assert ([key["name"] for key in page["keys"]], page["list_complete"]) == (["a"], False)
        page = await services.two.names(cursor=page["cursor"])
        assert ([key["name"] for key in page["keys"]], page["list_complete"]) == (["b"], True)
        with pytest.raises(ValueError, match="Expiration TTL must be at least 60"):
            await services.one.put("c", "", expirationTtl=1)
        # What a waitUntil task wrote is there when the call is acknowledged.
        assert [await (await services.one.fetch("http://x/")).text()] == ["1"]


async def test_messages_are_sent_delayed_and_handled(workers, diary, tmp_path):
    variables = {"DIARY": str(diary.path)}
    worker = workers.serve(service_folder(tmp_path, "jobs", vars=variables, queues=QUEUES))
    async with connected(workers) as services:
        await services.jobs.send("later", delaySeconds=0.1)
        await services.jobs.send_all(["ack", "retry 0.1"])
        for line in ("work ack 1", "work retry 0.1 3", "work later 1"):
            await diary.says(line)
    assert worker.terminate() == 0
    with redis.Redis.from_url(workers.url, protocol=2) as server:
        stream = f"{workers.prefix}:{{queue:work}}:messages"
        await until(lambda: server.xlen(stream) == 0, "the queue to be empty")
    assert worker.errors == []


def test_consumer_without_a_handler_does_not_start(place, tmp_path):
    folder = service_folder(tmp_path, "front", queues=QUEUES)
    worker = place.workers.start(folder)

    assert worker.ended() == 2
    [line] = worker.errors
    assert f"{folder / 'wrangler.jsonc'}: queues.consumers: " in line
    assert "its handler does not export a queue() function. Write `async def queue(self, batch)`" in line


def test_handler_that_cannot_take_a_batch_does_not_start(place, tmp_path):
    folder = service_folder(tmp_path, "jobs", queues=QUEUES)
    (folder / "jobs.py").write_text(
        "from workers import WorkerEntrypoint\n\n\nclass Default(WorkerEntrypoint):\n    def queue(self): ...\n"
    )
    worker = place.workers.start(folder)

    assert worker.ended() == 2
    assert "queue() cannot be called with a batch." in worker.errors[0]


def test_two_services_of_a_pool_cannot_consume_one_queue(place, tmp_path):
    folders = [service_folder(tmp_path, "jobs", name=name, queues=QUEUES) for name in ("one", "two")]
    worker = place.workers.start(*folders)

    assert worker.ended() == 2
    assert 'the queue "work" is consumed by "one" too.' in worker.errors[0]

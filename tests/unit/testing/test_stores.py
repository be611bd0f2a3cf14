"""The testing kit and what a configuration gives besides services: databases, KV, queues, assets."""

import shutil
import textwrap
from contextlib import suppress
from pathlib import Path

import pytest

from client import ConfigurationError
from tests.support.workers import until
from worker_runtime.testing import ServiceUnderTest, serve, serve_blocking

JOBS = """
    from workers import RpcTarget, WorkerEntrypoint

    class Default(WorkerEntrypoint):
        async def order(self, to, **options):
            await self.env.MAILS.send(to, **options)

        async def sent(self):
            return await self.env.SENT.get("last")

        async def listed(self):
            entry = await self.env.SENT.get_with_metadata("last")
            page = await self.env.SENT.list(limit=1)
            return [entry["value"], page["keys"][0]["name"], page.keys[0].name, "cursor" in page, page.get("none", 1)]

        async def queue(self, batch):
            for message in batch.messages:
                if message.body == "nobody" and message.attempts < 2:
                    message.retry()
                await self.env.SENT.put("last", message.body)
"""
CONFIGURATION = """
    name = "jobs"
    main = "jobs.py"
    kv_namespaces = [{ binding = "SENT", id = "sent" }]
    queues.producers = [{ binding = "MAILS", queue = "mails" }]
    queues.consumers = [{ queue = "mails" }]
"""


def open_files() -> set[str]:
    """The names of the files that this process has open."""
    names = set[str]()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them
            names.add(descriptor.readlink().name)
    return names


@pytest.fixture
def jobs(tmp_path):
    (tmp_path / "jobs.py").write_text(textwrap.dedent(JOBS))
    (tmp_path / "wrangler.toml").write_text(textwrap.dedent(CONFIGURATION))
    return tmp_path


async def test_messages_are_handled_and_settled_waits_for_them(jobs):
    async with serve(jobs) as served:
        await served.stub.order("ada")
        await served.settled()
        assert await served.stub.sent() == "ada"
        await served.stub.order("nobody")
        await served.settled()
        assert await served.stub.sent() == "nobody"
        await served.stub.order("later", delaySeconds=3600)
        await served.settled()


async def test_a_test_may_fill_and_read_the_stores_itself(jobs):
    async with serve(jobs) as served:
        await served.env.SENT.put("last", "seeded")
        assert await served.stub.sent() == "seeded"
    with serve_blocking(jobs) as blocking:
        blocking.run(blocking.env.SENT.put, "last", "seeded too")
        assert blocking.stub.sent() == "seeded too"


async def test_calls_of_what_is_no_service_binding_are_not_recorded_and_the_error_says_so(jobs):
    class Store:
        async def get(self, _name):
            return "fake"

    async with serve(jobs, bindings={"SENT": Store()}) as served:
        assert await served.stub.sent() == "fake"
        with pytest.raises(LookupError, match="no service binding, so its calls are not recorded"):
            served.calls("SENT")
        with pytest.raises(LookupError, match="No binding 'NONE' was replaced"):
            served.calls("NONE")


async def test_answers_of_kv_have_items_as_well_as_attributes(jobs):
    async with serve(jobs) as served:
        await served.stub.order("ada")
        await served.settled()
        assert await served.stub.listed() == ["ada", "last", "last", True, 1]


async def test_observer_is_told_of_each_batch(jobs):
    ended = []
    async with serve(jobs) as served:
        await served.stub.order("ada")
        await served.settled()
        served._worker.observe(ended.append)
        await served.stub.order(b"no value", contentType="v8")
        await served.stub.order({"no": "value"})
        await until(lambda: len(ended) >= 3)
    failed = next(one for one in ended if one.method.startswith("queue(") and one.how == "raised")

    assert (failed.service, failed.method.rpartition(",")[0]) == ("jobs", "queue(mails")
    assert failed.error.startswith("TypeError: KV put() accepts only")
    assert failed.raised_at.startswith("jobs.py:")


async def test_each_block_has_a_namespace_and_a_queue_of_its_own(jobs):
    async with serve(jobs) as first, serve(jobs) as second:
        await first.stub.order("ada")
        await first.settled()
        await second.settled()
        assert await first.stub.sent() == "ada"
        assert await second.stub.sent() is None


async def test_what_is_given_for_a_store_stands_in_env_itself(jobs):
    class Fake:
        async def send(self, to):
            self.sent = to

    fake = Fake()
    async with serve(jobs, bindings={"MAILS": fake}) as served:
        await served.stub.order("ada")
        assert fake.sent == "ada"


async def test_each_block_has_databases_of_its_own_with_all_migrations(root, tmp_path):
    folder = shutil.copytree(root / "examples" / "todo" / "todo_app", tmp_path / "todo_app")
    for _ in range(2):
        async with serve(folder, root / "examples" / "todo" / "admin_app") as todo:
            await todo.services.service("admin-app").fetch("http://any/")
            users = todo.services.service("todo-app", entrypoint="UserEntrypoint")
            await users.create_task(1, "write a test")
            found = await users.get_tasks(1)
            assert found["results"] == [{"title": "write a test"}]
    assert not (folder / ".callyard").exists()


async def test_services_of_one_folder_share_their_databases(root):
    folder = root / "examples" / "todo" / "todo_app"
    async with serve(ServiceUnderTest(folder, name="one"), ServiceUnderTest(folder, name="two")) as both:
        await both.services.service("one", entrypoint="AdminEntrypoint").create_user("ada")
        await both.services.service("two", entrypoint="UserEntrypoint").create_task(1, "read")
        found = await both.services.service("one", entrypoint="UserEntrypoint").get_tasks(1)
        assert found["results"] == [{"title": "read"}]


async def test_a_migration_that_fails_leaves_no_database_open(root, tmp_path):
    folder = shutil.copytree(root / "examples" / "todo" / "todo_app", tmp_path / "todo_app")
    (tmp_path / "second" / "migrations").mkdir(parents=True)
    (tmp_path / "second" / "migrations" / "0001_wrong.sql").write_text("INSERT INTO nowhere VALUES (1);")
    (tmp_path / "second" / "jobs.py").write_text(textwrap.dedent(JOBS))
    databases = 'd1_databases = [{ binding = "DB", database_name = "x", database_id = "x" }]'
    (tmp_path / "second" / "wrangler.toml").write_text(f'name = "second"\nmain = "jobs.py"\n{databases}\n')

    with pytest.raises(ConfigurationError, match="nowhere"):
        async with serve(folder, tmp_path / "second"):
            pytest.fail("it was served")

    assert not [name for name in open_files() if ".sqlite" in name]


async def test_assets_are_served(root):
    async with serve(root / "examples" / "images" / "image_service") as images:
        logo = await images.stub.fetch("https://any/images/logo.png")
        assert (logo.status, logo.headers["content-type"]) == (200, "image/png")


async def test_a_consumer_without_a_handler_is_refused(jobs):
    (jobs / "jobs.py").write_text("from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint): pass\n")
    with pytest.raises(ConfigurationError, match="queue"):
        async with serve(jobs):
            pytest.fail("it was served")

"""The testing kit as a user has it: services in the process of the test, replaced bindings, background tasks."""

import asyncio
import json
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from broker import failures
from client import CallCancelled, ConfigurationError, InvalidArguments, RemoteError, options, submit
from worker_runtime.testing import ServiceUnderTest, serve
from workers import Response, RpcTarget, WorkerEntrypoint, env


class Greeter(WorkerEntrypoint):
    async def greet(self, name: str) -> str:
        return f"{env.WORD}, {name}"

    async def add(self, a: int, b: int) -> int:
        return await self.env.ADDER.add(a, b)

    async def precise(self) -> str:
        return await self.env.ADDER.precision

    async def page(self) -> str:
        return await (await self.env.ADDER.fetch("http://any/where")).text()

    async def role(self) -> str:
        return self.ctx.props.get("role", "nobody")

    async def signup(self, name: str) -> str:
        self.ctx.waitUntil(self._tell(name))
        return "Success"

    async def _tell(self, name: str) -> int:
        if not name:
            raise ValueError("nobody to tell")
        await self.env.GATE.wait()
        return len(name)


class Adder(WorkerEntrypoint):
    async def add(self, a: int, b: int) -> int:
        return a + b


class FakeAdder:
    precision = "exact"

    def add(self, a, b):
        if a < 0:
            raise LookupError("negative")
        return a + b + 100

    async def fetch(self, request):
        return Response(f"fake {request.url}")


async def test_service_is_called_through_a_real_stub():
    async with serve(Greeter, variables={"WORD": "Hello"}) as greeter:
        assert await greeter.stub.greet("Ada") == "Hello, Ada"
        assert await greeter.services.greeter.greet("Bob") == "Hello, Bob"
        assert await options(greeter.stub, timeout=2).greet("Cid") == "Hello, Cid"
        with pytest.raises(InvalidArguments, match="name"):
            await greeter.stub.greet(1)


async def test_object_takes_the_place_of_a_binding_and_its_calls_are_recorded():
    async with serve(Greeter, bindings={"ADDER": FakeAdder()}) as greeter:
        assert await greeter.stub.add(1, 2) == 103
        with pytest.raises(LookupError, match="negative"):
            await greeter.stub.add(-1, 2)
        assert await greeter.stub.precise() == "exact"
        assert await greeter.stub.page() == "fake http://any/where"
        assert greeter.calls("ADDER")[:2] == [("add", (1, 2), {}), ("add", (-1, 2), {})]
        assert greeter.calls("ADDER")[2].method == "fetch"


@pytest.mark.parametrize("fake", [Adder, FakeAdder])
async def test_class_takes_the_place_of_a_binding(fake):
    async with serve(Greeter, bindings={"ADDER": fake}) as greeter:
        assert await greeter.stub.add(1, 2) in (3, 103)
        assert greeter.calls("ADDER") == [("add", (1, 2), {})]


async def test_mock_has_every_method():
    plain, asynchronous = Mock(), AsyncMock()
    plain.add.return_value = 7
    async with serve(Greeter, bindings={"ADDER": plain}) as greeter:
        assert await greeter.stub.add(1, 2) == 7
    plain.add.assert_called_once_with(1, 2)
    asynchronous.add.return_value = 8
    async with serve(Greeter, bindings={"ADDER": asynchronous}) as greeter:
        assert await greeter.stub.add(1, 2) == 8
    asynchronous.add.assert_awaited_once_with(1, 2)


async def test_what_cannot_cross_the_broker_fails_with_a_fake_too():
    class Unsendable:
        def add(self, a, b):
            return object()

    async with serve(Greeter, bindings={"ADDER": Unsendable()}) as greeter:
        with pytest.raises(RemoteError, match="Could not serialize"):
            await greeter.stub.add(1, 2)


async def test_background_tasks_are_waited_for_and_show_how_they_ended():
    gate = asyncio.Event()
    async with serve(Greeter, variables={"GATE": gate}) as greeter:
        assert await greeter.stub.signup("Ada") == "Success"
        assert await greeter.stub.signup("") == "Success"
        with pytest.raises(TimeoutError, match="still run"):
            await greeter.settled(timeout=0.05)
        gate.set()
        told, failed = await greeter.background()
        assert (told.name, told.result, told.error) == ("_tell", 3, None)
        assert isinstance(failed.error, ValueError)


async def test_one_way_calls_are_settled_too():
    async with serve(Greeter, bindings={"ADDER": FakeAdder()}) as greeter:
        for _ in range(10):
            await submit(greeter.stub.add, 1, 2)
        await greeter.settled()
        assert len(greeter.calls("ADDER")) == 10


async def test_two_blocks_at_once_never_meet():
    async with serve(Greeter, variables={"WORD": "one"}) as one, serve(Greeter, variables={"WORD": "two"}) as two:
        assert await one.stub.greet("x") == "one, x"
        assert await two.stub.greet("x") == "two, x"
        assert one.url == two.url
        assert one.prefix != two.prefix


async def test_services_of_one_block_call_each_other(root):
    async with serve(root / "examples/add/worker_a", root / "examples/add/worker_b") as pool:
        response = await pool.services.worker_a.fetch("http://a/")
        assert await response.text() == "Result: 3"


async def test_binding_of_a_configuration_is_replaced(root):
    async with serve(root / "examples/add/worker_a", bindings={"WORKER_B": FakeAdder()}) as pool:
        assert await (await pool.stub.fetch("http://a/")).text() == "Result: 103"
        assert pool.calls("WORKER_B") == [("add", (1, 2), {})]


async def test_each_service_may_have_bindings_of_its_own():
    one = ServiceUnderTest(Greeter, name="one", bindings={"ADDER": FakeAdder()})
    two = ServiceUnderTest(Greeter, name="two", bindings={"ADDER": Adder})
    async with serve(one, two) as pool:
        assert await pool.services.one.add(1, 2) == 103
        assert await pool.services.two.add(3, 4) == 7
        assert pool.calls("ADDER", service="one") == [("add", (1, 2), {})]
        assert [made.args for made in pool.calls("ADDER")] == [(1, 2), (3, 4)]
        assert await pool.services.service("one", props={"role": "boss"}).role() == "boss"


async def test_binding_that_no_service_has_is_named(root):
    with pytest.raises(ConfigurationError, match="no binding WORKER_C to replace in worker_a"):
        async with serve(root / "examples/add/worker_a", bindings={"WORKER_C": FakeAdder()}):
            pass
    async with serve(Greeter) as greeter:
        with pytest.raises(LookupError, match="'ADDER' was replaced"):
            greeter.calls("ADDER")


@pytest.mark.parametrize("target", [3, int, "no/such/folder"])
async def test_what_cannot_be_served_is_refused(target):
    with pytest.raises(ConfigurationError):
        async with serve(target):
            pass


async def test_call_that_hangs_is_cancelled_at_the_end_of_the_block():
    running, cancelled = asyncio.Event(), asyncio.Event()

    class Slow(WorkerEntrypoint):
        async def hang(self):
            running.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise

    async with serve(Slow) as slow:
        call = slow.stub.hang()
        await running.wait()
    assert cancelled.is_set()
    with pytest.raises(CallCancelled):
        await call


async def test_what_is_no_service_binding_is_replaced_in_env_itself(tmp_path):
    (tmp_path / "wrangler.toml").write_text('name = "plain"\nmain = "plain.py"\nvars = { STORE = "a name" }\n')
    (tmp_path / "plain.py").write_text(
        "from workers import WorkerEntrypoint\nclass Default(WorkerEntrypoint):\n"
        "    async def first(self):\n        return self.env.STORE.prepare('x').first()\n"
    )
    store = Mock()
    store.prepare.return_value.first.return_value = 5
    async with serve(tmp_path, bindings={"STORE": store}) as plain:
        assert await plain.stub.first() == 5


async def test_observer_is_told_of_each_call_once_even_with_background_tasks():
    ended = []
    gate = asyncio.Event()
    gate.set()
    async with serve(Greeter, variables={"GATE": gate}) as greeter:
        greeter._worker.observe(ended.append)
        assert await greeter.stub.signup("Ada") == "Success"
        with pytest.raises(InvalidArguments):
            await greeter.stub.greet(1)
        with pytest.raises(AttributeError):
            await greeter.stub.nothing()
        await greeter.settled()
    assert [(one.method, one.how, one.seconds is None) for one in ended] == [
        ("signup", "returned", False),
        ("greet", "refused", False),
        ("nothing", "refused", True),
    ]


async def test_observer_is_told_of_a_returned_object_and_of_the_chain_on_it_as_of_any_other_result():
    ended = []
    async with serve(Librarian) as librarian:
        librarian._worker.observe(ended.append)
        assert await librarian.stub.statement("x").first() == "first of x"
        with pytest.raises(AttributeError):
            await librarian.stub.statement("x").last()
        await (await librarian.stub.statement("x")).dup().first()

    assert [(one.method, one.how) for one in ended] == [
        ("first", "returned"),
        ("last", "refused"),
        ("statement", "returned"),
    ]
    assert ended[1].error.startswith("MethodNotFound: ")


class Failing(WorkerEntrypoint):
    async def fetch(self, request):
        return Response("gone", status=410)

    async def props(self):
        return self.ctx.props

    def fails(self):
        return json.loads("{")


async def test_observer_is_told_what_was_asked_for_and_where_a_method_raised():
    ended = []
    async with serve(Failing) as failing:
        failing._worker.observe(ended.append)
        await failing.stub.fetch("https://shop.example/tea?secret=1", method="PUT")
        with pytest.raises(RemoteError):
            await failing.stub.fails()
    fetched, failed = ended

    assert (fetched.detail, fetched.status, fetched.raised_at) == ("PUT /tea", 410, "")
    line = Failing.fails.__code__.co_firstlineno + 1
    assert (failed.detail, failed.status, failed.raised_at) == ("", None, f"{Path(__file__).name}:{line}")


async def test_observer_is_told_no_secret_of_a_path(monkeypatch):
    monkeypatch.setattr(failures, "_masks", [lambda value: value.replace("hunter2", "***")])
    ended = []
    async with serve(Failing) as failing:
        failing._worker.observe(ended.append)
        await failing.stub.fetch("https://shop.example/hunter2/tea")

    assert ended[0].detail == "GET /***/tea"


async def test_props_that_no_binding_gave_can_be_sent():
    async with serve(Failing) as failing:
        assert await failing.stub.props() == {}


class Statement(RpcTarget):
    def __init__(self, word):
        self.word = word

    async def first(self) -> str:
        return f"first of {self.word}"


class Librarian(WorkerEntrypoint):
    def statement(self, word):
        return Statement(word)


class FakeDatabase:
    def prepare(self, word):
        return Statement(word)

    async def each(self, times):
        for number in range(times):
            yield number


class Reader(WorkerEntrypoint):
    async def read(self) -> str:
        return await self.env.DATABASE.prepare("tea").first()

    async def count(self) -> list[int]:
        return [number async for number in self.env.DATABASE.each(3)]


async def test_fake_may_return_objects_by_reference_and_streams():
    async with serve(Reader, bindings={"DATABASE": FakeDatabase()}) as reader:
        assert await reader.stub.read() == "first of tea"
        assert await reader.stub.count() == [0, 1, 2]
        assert reader.calls("DATABASE") == [("prepare", ("tea",), {}), ("each", (3,), {})]

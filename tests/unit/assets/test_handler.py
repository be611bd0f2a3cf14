"""The `fetch` of a service with assets in front of it, in the thread or on the event loop where it belongs."""

import asyncio
import threading

import pytest

from broker.errors import ConfigurationError, MethodNotFound
from broker.http import Request, Response
from worker_runtime import policy
from worker_runtime.assets.front import Front
from worker_runtime.assets.routing import Routing
from worker_runtime.assets.site import Site
from worker_runtime.entrypoint import WorkerEntrypoint
from worker_runtime.services.service import Service, load_service

ASSET, OTHER = Request("https://h/a.txt"), Request("https://h/other")


@pytest.fixture
def front(public, put):
    put("/a.txt")
    return Front(Site.open(public, "auto-trailing-slash", "none"), Routing(), has_service=True)


class Asynchronous(WorkerEntrypoint):
    async def fetch(self, request):
        return Response(f"own {request.url}")


@policy(timeout=3)
class Plain(WorkerEntrypoint):
    def fetch(self):
        return Response(threading.current_thread().name)


class Methods(WorkerEntrypoint):
    def add(self, a, b):
        return a + b


def handler(front, cls):
    service = Service("site", {"Default": cls}, front)
    method = service.fetch("Default")
    return method, method.bind(cls(None, None))


def on_loop(fetch, request):
    async def run():
        value = fetch(request)
        return await value

    return asyncio.run(run())


def test_an_async_fetch_gets_what_the_assets_do_not_have(front):
    method, fetch = handler(front, Asynchronous)

    assert method.is_async
    assert on_loop(fetch, ASSET).body == b"this is /a.txt"
    assert on_loop(fetch, OTHER).body == b"own https://h/other"


def test_a_plain_fetch_runs_in_the_thread_that_asked_the_assets(front):
    method, fetch = handler(front, Plain)

    assert not method.is_async
    assert method.policy.timeout == 3
    assert fetch(ASSET).body == b"this is /a.txt"
    assert fetch(OTHER).body == threading.current_thread().name.encode()


def test_an_inline_fetch_runs_on_the_event_loop_and_files_are_read_elsewhere(front):
    readers = set()
    answer, front.answer = front.answer, lambda request: (readers.add(threading.current_thread()), answer(request))[1]
    _, fetch = handler(front, Plain)

    assert on_loop(fetch, ASSET).body == b"this is /a.txt"
    assert on_loop(fetch, OTHER).body == threading.current_thread().name.encode()
    assert threading.current_thread() not in readers


def test_a_service_without_fetch_has_one_for_its_assets(front):
    service = Service("site", {"Default": Methods}, front)
    _, fetch = handler(front, Methods)

    assert service.names["Default"] == {"add", "fetch"}
    assert on_loop(fetch, ASSET).status == 200
    with pytest.raises(MethodNotFound, match=r"Handler does not export a fetch\(\) function"):
        on_loop(fetch, OTHER)


def test_what_is_no_request_goes_to_the_service(front):
    method, fetch = handler(front, Plain)

    assert method.validate([], {}) == ((None,), {})
    assert method.validate([ASSET, 2], {"a": 1}) == ((ASSET,), {})
    assert fetch(None).status == 200


def test_a_wrong_fetch_is_still_refused(front):
    class Wrong(WorkerEntrypoint):
        def fetch(self, request, more):
            return None

    with pytest.raises(ConfigurationError, match="cannot be called with a request"):
        Service("site", {"Default": Wrong}, front)


def test_other_entrypoints_have_no_assets_in_front(front):
    service = Service("site", {"Default": Methods, "Other": Asynchronous, "Silent": Methods}, front)

    assert type(service.fetch("Other")) is not type(service.fetch("Default"))
    with pytest.raises(MethodNotFound):
        service.fetch("Silent")


def test_without_main_there_is_a_default_entrypoint_that_is_the_assets(front, public):
    service = load_service("site", None, public, front)

    assert list(service.entrypoints) == ["Default"]
    assert service.describe()["Default"]["members"] == {}
    assert service.describe()["Default"]["fetch"] is True

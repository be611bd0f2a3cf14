"""What needs a library of an extra says so where it is missing, and loads it only when it is wanted."""

import asyncio
import subprocess
import sys

import pytest

from broker.errors import ConfigurationError
from broker.http import Request
from client.fetching.outgoing import fetch
from client.gateway import Gateway
from client.gateway.server import GatewayServer, Listen

FORM = {"content-type": "multipart/form-data; boundary=b"}


def serve():
    GatewayServer(Gateway("redis://h", routes=["/=a"]), Listen("127.0.0.1", 0))


@pytest.mark.parametrize(
    ("library", "use"),
    [
        ("uvicorn", serve),
        ("httpx", lambda: asyncio.run(fetch("http://h/"))),
        (
            "python_multipart.multipart",
            lambda: asyncio.run(Request("http://h/", method="POST", body="x", headers=FORM).form_data()),
        ),
    ],
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, library, use):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, "client.gateway.http11", raising=False)

    with pytest.raises(ConfigurationError, match=library.partition(".")[0].replace("_", "-")) as caught:
        use()
    assert caught.value.fix == "pip install 'callyard[http]'"


@pytest.mark.parametrize(
    "package", ["client", "client.gateway", "client.fetching.outgoing", "workers", "worker_runtime.cli"]
)
def test_importing_loads_no_library_of_an_extra(package):
    program = f"import sys, {package}; print(*{{'httpx', 'uvicorn', 'h11', 'python_multipart'}} & sys.modules.keys())"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")

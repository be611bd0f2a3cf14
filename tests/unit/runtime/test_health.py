"""`--health`: what it answers, and that nothing keeps it from answering."""

import socket
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config.units import parse_address, split_address
from worker_runtime.process.health import MOST_CLIENTS, Health, answer


@pytest.fixture
def health():
    health = Health("127.0.0.1:0")
    health.start()
    yield health
    health.stop()
    health.stop()


def ask(health, path, method="GET"):
    request = urllib.request.Request(f"http://{health.address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize(
    ("path", "state", "silent", "status"),
    [
        ("/ready", "starting", 0, 503),
        ("/ready", "ready", 0, 200),
        ("/ready", "ready", 100, 200),
        ("/ready", "draining", 0, 503),
        ("/ready?verbose", "ready", 0, 200),
        ("/live", "starting", 0, 200),
        ("/live", "draining", 4.9, 200),
        ("/live", "ready", 5.1, 503),
        ("/", "ready", 0, 404),
        ("/ready/", "ready", 0, 404),
    ],
)
def test_answer_follows_the_state_and_the_loop(path, state, silent, status):
    assert answer(path, state, silent)[0] == status


def test_states_are_told_over_http(health):
    assert ask(health, "/ready") == (503, "starting\n")
    health.state = "ready"
    assert ask(health, "/ready") == (200, "ready\n")
    assert ask(health, "/ready", "HEAD") == (200, "")
    assert ask(health, "/live") == (200, "live\n")
    assert ask(health, "/nothing")[0] == 404
    assert ask(health, "/ready", "POST")[0] == 501


def test_loop_that_has_not_turned_is_not_live_until_it_turns_again():
    now = 0.0
    health = Health("127.0.0.1:0", clock=lambda: now)
    now = 7.0
    assert health.answer("/live") == (503, "the event loop has not turned for 7 s")
    health.beat()
    assert health.answer("/live")[0] == 200


def test_clients_that_say_nothing_are_bounded_and_do_not_silence_it(health):
    address = ("127.0.0.1", int(health.address.rpartition(":")[2]))
    silent = [socket.create_connection(address) for _ in range(MOST_CLIENTS + 10)]
    try:
        for client in silent[MOST_CLIENTS:]:
            client.settimeout(5)
            assert client.recv(1) == b""
    finally:
        for client in silent:
            client.close()
    answered = threading.Event()
    while not answered.is_set():
        try:
            assert ask(health, "/live") == (200, "live\n")
            answered.set()
        except (ConnectionError, urllib.error.URLError):
            # The places of those that left are given back one by one.
            continue


def test_a_client_that_talks_byte_by_byte_is_cut_off(health, monkeypatch):
    monkeypatch.setattr("worker_runtime.process.health.SLOWEST_CLIENT", 0.2)
    with socket.create_connection(("127.0.0.1", int(health.address.rpartition(":")[2]))) as client:
        client.settimeout(0.01)
        give_up = time.monotonic() + 10
        with suppress(ConnectionError):
            while time.monotonic() < give_up:
                client.sendall(b"x")
                with suppress(TimeoutError):
                    assert client.recv(1) == b""
                    break
        assert time.monotonic() < give_up


def test_garbage_is_answered_or_dropped_and_changes_nothing(health):
    address = ("127.0.0.1", int(health.address.rpartition(":")[2]))
    for garbage in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET " + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n"):
        with socket.create_connection(address) as client:
            client.settimeout(5)
            client.sendall(garbage)
            try:
                client.recv(100)
            except ConnectionResetError:
                continue
    assert ask(health, "/live")[0] == 200


def test_port_that_is_taken_is_a_configuration_error(health):
    with pytest.raises(ConfigurationError, match=f"--health {health.address}: Address already in use"):
        Health(health.address).start()


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("Host:8080", ("host", 8080))]
)
def test_address_is_host_and_port(text, address):
    assert split_address(text) == address
    assert parse_address(f" {text} ") == text


@pytest.mark.parametrize("value", ["8080", ":8080", "host", "host:port", "host:99999", "http://host:80", "h:1/x", 80])
def test_anything_else_is_no_address(value):
    with pytest.raises(ValueError, match="should be HOST:PORT"):
        parse_address(value)


@pytest.mark.parametrize("value", ["", "none"])
def test_address_may_be_left_out(value):
    assert parse_address(value) == ""

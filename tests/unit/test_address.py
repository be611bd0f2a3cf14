"""URLs of Redis: what they say, what is shown of them, and what is refused."""

import ssl

import pytest

from broker.errors import ConfigurationError
from broker.link import Address


def test_url_names_host_port_database_and_login():
    address = Address.parse("redis://ann:s%40cret@cache.example:6390/3")

    assert (address.host, address.port, address.database) == ("cache.example", 6390, 3)
    assert (address.username, address.password) == ("ann", "s@cret")
    assert address.tls is None


def test_what_is_left_out_is_redis_default():
    address = Address.parse("redis://")

    assert (address.host, address.port, address.database, address.password) == ("localhost", 6379, 0, None)


def test_socket_of_the_same_machine_is_a_path():
    assert Address.parse("unix:///run/redis.sock?db=2").path == "/run/redis.sock"


@pytest.mark.parametrize(
    ("query", "mode"),
    [("", ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", ssl.CERT_NONE)],
    ids=["as it is", "told not to"],
)
def test_tls_verifies_the_server_unless_told_not_to(query, mode):
    tls = Address.parse(f"rediss://cache.example:6390/0{query}").tls

    assert tls is not None
    assert tls.verify_mode is mode
    assert tls.check_hostname is (mode is ssl.CERT_REQUIRED)


def test_password_is_never_shown():
    address = Address.parse("redis://ann:hunter2@cache.example/0?password=hunter2")

    assert address.shown == "redis://ann:***@cache.example/0"
    assert "hunter2" not in repr(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("localhost:6379", "begins with none"),
        ("unix://", "path of the socket"),
        ("redis://localhost/first", "the database is a number"),
        ("redis://localhost:port", "not the URL"),
        ("redis://[::1", "not the URL"),
        ("rediss://localhost?ssl_ca_certs=/nowhere/ca.pem", "not the URL"),
        ("rediss://localhost?ssl_certfile=/nowhere/own.pem", "not the URL"),
    ],
)
def test_url_of_something_else_is_refused_with_what_one_looks_like(url, why):
    with pytest.raises(ConfigurationError, match=why) as caught:
        Address.parse(url)
    assert "redis://localhost:6379/0" in str(caught.value)

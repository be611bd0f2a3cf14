"""Which header fields pass, and who the client is."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigurationError
from broker.http import Headers
from client.gateway.forwarding import Client, identify, inbound, outbound, read_fields, read_networks

SELF = Client("192.0.2.1", "192.0.2.1", "http")
NAMES = st.sampled_from([
    "Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Proxy-Authorization", "X-Own",
    "Accept", "X-Forwarded-For", "CF-Connecting-IP", "Forwarded", "X-Callyard-Timeout", "X-Request-Id",
    "Content-Length", "Cookie",
])  # fmt: skip
VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20) | st.sampled_from(
    ["x-own, close", "keep-alive", "10.0.0.1", "1.2.3.4, 10.0.0.1"]
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
HOPS = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization"}


class TestRequests:
    def test_fields_of_this_connection_alone_are_dropped(self):
        headers = Headers(
            {"Connection": "close, X-Own", "X-Own": "1", "TE": "trailers", "Upgrade": "h2c", "Accept": "a"}
        )

        passed = inbound(headers, SELF, "id")

        assert not {"connection", "x-own", "te", "upgrade"} & set(passed)
        assert passed["accept"] == "a"

    def test_cookies_that_came_apart_are_joined_as_cookies_are(self):
        assert inbound(Headers([("cookie", "a=1"), ("cookie", "b=2")]), SELF, "id")["cookie"] == "a=1; b=2"

    def test_the_length_of_a_body_is_not_said_twice(self):
        both = Headers({"Content-Length": "5", "Transfer-Encoding": "chunked"})

        assert "content-length" not in inbound(both, SELF, "id")
        assert inbound(Headers({"Content-Length": "5"}), SELF, "id")["content-length"] == "5"

    def test_what_a_stranger_says_of_itself_is_replaced(self):
        headers = Headers({
            "CF-Connecting-IP": "6.6.6.6", "X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "bank", "Forwarded": "for=6.6.6.6", "X-Real-IP": "6.6.6.6", "X-Request-Id": "spoofed",
        })  # fmt: skip
        client = identify(headers, "192.0.2.1", "http", ())
        passed = inbound(headers, client, "ours")

        assert client == SELF
        assert dict(passed) == {
            "cf-connecting-ip": "192.0.2.1",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-proto": "http",
            "x-request-id": "ours",
        }

    def test_a_trusted_proxy_is_believed(self):
        headers = Headers({"X-Forwarded-For": "6.6.6.6, 192.0.2.7, 10.0.0.5", "X-Forwarded-Proto": "HTTPS"})

        client = identify(headers, "10.0.0.9", "http", read_networks(["10.0.0.0/8"]))

        assert client == Client("192.0.2.7", "6.6.6.6, 192.0.2.7, 10.0.0.5, 10.0.0.9", "https")

    @pytest.mark.parametrize(
        ("said", "address"),
        [
            ("6.6.6.6:4711", "6.6.6.6"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("6.6.6.6, 10.0.0.7:80, ::ffff:10.0.0.8", "6.6.6.6"),
        ],
    )
    def test_addresses_may_be_written_with_a_port_or_as_version_6(self, said, address):
        trusted = read_networks(["10.0.0.0/8"])

        client = identify(Headers({"X-Forwarded-For": said}), "::ffff:10.0.0.9", "http", trusted)

        assert client == Client(address, f"{said}, ::ffff:10.0.0.9", "http")

    @pytest.mark.parametrize(
        ("said", "address"), [("", "10.0.0.9"), ("10.0.0.1", "10.0.0.1"), ("unknown", "10.0.0.9"), ("::1", "::1")]
    )
    def test_a_trusted_proxy_that_says_nothing_useful_is_the_client(self, said, address):
        client = identify(Headers({"X-Forwarded-For": said}), "10.0.0.9", "http", read_networks(["10.0.0.0/8"]))

        assert client.address == address

    @given(FIELDS)
    def test_nothing_that_a_stranger_sends_changes_who_it_is(self, fields):
        headers = Headers(fields)
        passed = inbound(headers, identify(headers, "192.0.2.1", "http", ()), "ours")

        assert passed.get_all("cf-connecting-ip") == ["192.0.2.1"]
        assert passed.get_all("x-forwarded-for") == ["192.0.2.1"]
        assert passed.get_all("x-request-id") == ["ours"]
        assert not {*HOPS, "forwarded", "x-callyard-timeout"} & set(passed)

    @given(FIELDS)
    def test_a_client_behind_a_proxy_always_has_an_address(self, fields):
        client = identify(Headers(fields), "10.0.0.9", "http", read_networks(["10.0.0.0/8"]))

        ipaddress.ip_address(client.address)
        assert client.scheme == "http"

    @given(st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=10)), max_size=5))
    def test_rubbish_is_refused_or_legal(self, raw):
        try:
            headers = read_fields(raw)
        except ValueError:
            return
        assert len(list(headers.dump())) == len(raw)

    @pytest.mark.parametrize("text", ["10.0.0.1/8", "x", ""])
    def test_a_network_that_is_none_is_refused(self, text):
        with pytest.raises(ConfigurationError, match="trusted proxy"):
            read_networks([text])


class TestResponses:
    def test_cookies_stay_apart(self):
        headers = Headers([("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Connection", "x-own"), ("X-Own", "1")])

        assert outbound(headers) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]

    def test_a_control_character_is_refused(self):
        with pytest.raises(ValueError, match="control character"):
            outbound(Headers({"a": "x\x01y"}))

    def test_text_is_latin_1_where_it_can_be(self):
        assert outbound(Headers({"a": "ü", "b": "日"})) == [(b"a", b"\xfc"), (b"b", "日".encode())]

    @given(FIELDS)
    def test_no_field_of_a_connection_passes(self, fields):
        try:
            passed = outbound(Headers(fields))
        except ValueError:
            return
        assert not {name.decode() for name, _ in passed} & {*HOPS, "content-length"}

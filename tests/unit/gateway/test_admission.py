"""What of a request is judged by its head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.http import Request
from client.gateway.admission import admit
from client.gateway.limits import Limits
from client.gateway.problems import Refused
from client.gateway.routes import read_route
from tests.support.asgi import scope

ROUTES = [read_route("/=root"), read_route("/admin=admin#Boss"), read_route("own.example/=own")]
LIMITS = Limits(body=100, head=500, fields=10)


def admitted(*arguments, routes=ROUTES, **named):
    return admit(scope(*arguments, **named), "id", routes, LIMITS, ())


def refused(*arguments, **named) -> int:
    with pytest.raises(Refused) as caught:
        admitted(*arguments, **named)
    return int(caught.value.problem.status)


def test_the_service_sees_the_whole_url_and_the_fields_that_pass():
    found = admitted("/a%20b", query=b"x=%C3%BC&y", headers=[(b"accept", b"a"), (b"te", b"b")])

    assert found.url == "http://host.example/a%20b?x=%C3%BC&y"
    assert (found.route.service, found.headers["accept"], found.headers["host"]) == ("root", "a", "host.example")
    assert "te" not in found.headers
    assert (found.method, found.seconds) == ("GET", LIMITS.timeout)


@pytest.mark.parametrize("path", ["/admin", "/%61dmin/x", "/x/../admin", "/x/%2e%2e/admin"])
def test_however_it_is_spelled_a_path_goes_where_its_url_says(path):
    found = admitted(path)

    assert (found.route.service, found.route.entrypoint) == ("admin", "Boss")
    assert "/../" not in found.url


def test_a_host_is_found_whatever_its_port_and_case():
    assert admitted(host=b"OWN.example:8080").route.service == "own"


def test_routes_are_below_where_the_gateway_is_mounted():
    found = admitted("/api/admin", root_path="/api")

    assert (found.route.service, found.url) == ("admin", "http://host.example/api/admin")
    assert admitted("/api", root_path="/api").route.service == "root"
    assert admitted("/apiadmin", root_path="/api").route.service == "root"


def test_a_path_without_its_raw_spelling_is_escaped():
    assert admitted("/ü b", raw_path=None).url == "http://host.example/%C3%BC%20b"


def test_the_address_of_the_server_is_the_host_of_an_old_request():
    assert admitted(host=None, http_version="1.0").url == "http://127.0.0.1:8787/"
    assert admitted(host=None, http_version="1.0", server=("::1", 80)).url == "http://[::1]/"


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ({"host": None}, 400),
        ({"host": b""}, 400),
        ({"host": b"user@host"}, 400),
        ({"host": b"a b"}, 400),
        ({"host": b"h/x"}, 400),
        ({"host": b"h:99999"}, 400),
        ({"headers": [(b"host", b"other")]}, 400),
        ({"method": "CONNECT"}, 501),
        ({"method": "TRACE"}, 501),
        ({"method": "A B"}, 400),
        ({"method": "X" * 100}, 400),
        ({"headers": [(b"upgrade", b"WebSocket"), (b"connection", b"upgrade")]}, 501),
        ({"headers": [(b"a", b"\0")]}, 400),
        ({"headers": [(b"a b", b"c")]}, 400),
        ({"headers": [(b"a", b"b")] * 10}, 431),
        ({"headers": [(b"a", b"b" * 500)]}, 431),
        ({"headers": [(b"content-length", b"101")]}, 413),
        ({"headers": [(b"x-callyard-timeout", b"soon")]}, 400),
    ],
)
def test_a_bad_head_is_refused(named, status):
    assert refused(**named) == status


@pytest.mark.parametrize("path", ["*", "http://other/x", "", "x"])
def test_a_target_that_is_no_path_is_refused(path):
    assert refused(path) == 400


def test_a_path_without_a_route_is_refused():
    assert refused("/other", routes=[read_route("/admin=a")]) == 404


PIECES = st.text(st.characters(max_codepoint=300, exclude_categories=["Cs"]), max_size=15)
RAW = st.binary(max_size=15)


@given(
    PIECES, RAW, st.one_of(st.none(), RAW, PIECES.map(str.encode)), st.lists(st.tuples(RAW, RAW), max_size=4),
    st.sampled_from(["GET", "post", "", "\0"]), st.sampled_from(["", "/x", "/ü"]),
)  # fmt: skip
def test_any_head_makes_a_legal_request_or_is_refused(path, query, host, headers, method, root):
    try:
        found = admitted(f"/{path}", query=query, host=host, headers=headers, method=method, root_path=root)
    except Refused:
        return
    request = Request(found.url, method=found.method, headers=found.headers)
    assert Request.load(request.dump()).url == found.url

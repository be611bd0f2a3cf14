"""Which service answers what."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import ConfigurationError
from broker.http.url import normalised
from client.gateway.routes import (
    Route,
    canonical_host,
    canonical_path,
    check_routes,
    find_route,
    read_route,
)

HOSTS = st.sampled_from([None, "a.example", "b.example", "[::1]"])
PATHS = st.lists(st.sampled_from(["a", "b", "admin", "a.b", ""]), max_size=4).map(lambda parts: "/" + "/".join(parts))
ROUTES = st.lists(st.builds(Route, HOSTS, PATHS, st.sampled_from(["s", "t"])), max_size=6, unique_by=lambda r: r[:2])
SPELLED = st.text("aA./%2eE\\é;", max_size=12).map(lambda path: f"/{path}")


class TestReading:
    @pytest.mark.parametrize(
        ("text", "route"),
        [
            ("/=worker_a", Route(None, "/", "worker_a")),
            ("host.example/=a", Route("host.example", "/", "a")),
            (
                "HOST.example./admin=todo-app#AdminEntrypoint",
                Route("host.example", "/admin", "todo-app", "AdminEntrypoint"),
            ),
            ("/a=b/=c", Route(None, "/a=b/", "c")),
            ("[::1]/=a", Route("[::1]", "/", "a")),
            ("/x/../%61 b=a", Route(None, "/a%20b", "a")),
        ],
    )
    def test_a_route_is_read(self, text, route):
        assert read_route(text) == route
        assert read_route(str(route)) == route

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "/",
            "worker_a",
            "/worker_a",
            "=a",
            "host=a",
            "/=",
            "/=a b",
            "/=a#",
            "/=a#b c",
            "h:80/=a",
            "*.h/=a",
            "h h/=a",
            "/=#A",
        ],
    )
    def test_what_is_no_route_is_refused_with_an_example(self, text):
        with pytest.raises(ConfigurationError) as caught:
            read_route(text)
        assert "worker_a" in caught.value.fix

    def test_two_routes_for_one_place_are_refused(self):
        with pytest.raises(ConfigurationError, match="Two routes are for h/a"):
            check_routes([read_route("h/a=x"), read_route("/a=x"), read_route("H/%61=y")])

    def test_no_route_is_refused(self):
        with pytest.raises(ConfigurationError, match="no route"):
            check_routes([])


class TestFinding:
    @pytest.mark.parametrize(
        ("host", "path", "service"),
        [
            ("any", "/", "root"),
            ("any", "/administrator", "root"),
            ("any", "/admin", "admin"),
            ("any", "/admin/users", "admin"),
            ("any", "/admin/deep", "deep"),
            ("any", "/admin/deeper", "admin"),
            ("any", "/files", "root"),
            ("any", "/files/", "files"),
            ("any", "/files/x", "files"),
            ("own.example", "/admin", "own"),
            ("own.example", "/admin/deep", "own"),
        ],
    )
    def test_the_host_goes_first_then_the_longest_path(self, host, path, service):
        texts = ["/=root", "/admin=admin", "/admin/deep=deep", "/files/=files", "own.example/=own"]

        assert find_route([read_route(text) for text in texts], host, path).service == service

    def test_a_host_without_a_fitting_path_falls_back_to_routes_for_any_host(self):
        routes = [read_route("own.example/admin=own"), read_route("/=root")]

        assert find_route(routes, "own.example", "/x").service == "root"
        assert find_route(routes[:1], "own.example", "/x") is None
        assert find_route(routes[:1], "other", "/admin") is None

    @given(ROUTES, st.sampled_from(["a.example", "b.example", "c.example"]), PATHS)
    def test_no_route_that_fits_better_is_passed_over(self, routes, host, path):
        def fits(route):
            whole = route.path if route.path.endswith("/") else route.path + "/"
            return route.host in (None, host) and f"{path}/".startswith(whole) and len(route.path) <= len(path)

        found = find_route(routes, host, path)
        fitting = [route for route in routes if fits(route)]

        assert (found is None) == (not fitting)
        for other in fitting:
            assert (found.host is not None, len(found.path)) >= (other.host is not None, len(other.path))

    @given(ROUTES, PATHS, st.randoms())
    def test_the_order_of_routes_means_nothing(self, routes, path, random):
        shuffled = list(routes)
        random.shuffle(shuffled)

        assert find_route(routes, "a.example", path) == find_route(shuffled, "a.example", path)


class TestSpelling:
    @pytest.mark.parametrize(
        ("path", "canonical"),
        [
            ("/%61dmin", "/admin"),
            ("/a%2fb", "/a%2Fb"),
            ("/a/%2e%2e/b", "/b"),
            ("/ü", "/%C3%BC"),
            ("//a", "//a"),
            ("", "/"),
        ],
    )
    def test_paths_are_compared_in_one_spelling(self, path, canonical):
        assert canonical_path(path) == canonical

    @given(SPELLED)
    def test_a_canonical_path_stays_as_it_is(self, path):
        once = canonical_path(path)

        assert canonical_path(once) == once
        assert once.startswith("/")

    @given(SPELLED)
    def test_a_route_is_found_by_the_path_that_the_service_sees(self, path):
        seen = urlsplit(normalised(f"http://h{path}")).path

        assert canonical_path(seen) == canonical_path(path)

    @pytest.mark.parametrize(
        ("host", "canonical"),
        [("A.Example:80", "a.example"), ("a.", "a"), ("[::1]:8080", "[::1]"), ("[FE80::1]", "[fe80::1]")],
    )
    def test_hosts_are_compared_without_port_and_case(self, host, canonical):
        assert canonical_host(host) == canonical

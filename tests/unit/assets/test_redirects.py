"""The file `_redirects`."""

import pytest

from broker.http import Request
from worker_runtime.assets.redirects import parse_redirects
from worker_runtime.assets.site import Site


@pytest.fixture
def redirected(public):
    """The status and location for a path under these rules."""

    def follow(rules, path, method="GET", origin="https://any.host"):
        (public / "_redirects").write_text(rules)
        response = Site.open(public, "auto-trailing-slash", "none").answer(Request(origin + path, method=method))
        return response.status, response.headers.get("location")

    return follow


@pytest.mark.parametrize(
    ("rule", "path", "answer"),
    [
        ("/old /new", "/old", (302, "/new")),
        ("/old /new 301", "/old", (301, "/new")),
        ("/old /new 303", "/old", (303, "/new")),
        ("/old /new 307", "/old", (307, "/new")),
        ("/old /new 308", "/old", (308, "/new")),
        ("old /new", "/old", (302, "/new")),
        ("/old /new", "/old/", (404, None)),
        ("/old /new", "/older", (404, None)),
        ("/old /new 301 # since May", "/old", (301, "/new")),
        ("/old /new#part", "/old", (302, "/new#part")),
        ("/old https://example.org/x?y=1", "/old", (302, "https://example.org/x?y=1")),
        ("/old https://example.org", "/old", (302, "https://example.org/")),
        ("/old https://any.host/new", "/old", (302, "/new")),
        ("/a/* /b/:splat", "/a/c/d.html", (302, "/b/c/d.html")),
        ("/a/* /b/:splat", "/a/", (302, "/b/")),
        ("/a/* /b/:splat", "/a", (404, None)),
        ("/*/end /:splat", "/x/y/end", (302, "/x/y")),
        ("/p/:year/:name /:name-:year", "/p/2026/hello", (302, "/hello-2026")),
        ("/p/:year/:name /:name", "/p/2026/a/b", (404, None)),
        ("/p/:id/:id_2 /:id_2/:id", "/p/1/2", (302, "/2/1")),
        ("/p/:name.html /:name", "/p/a.html", (302, "/a")),
        ("/p/:name https://example.org/:name", "/p/a%20b", (302, "https://example.org/a%20b")),
        ("/p/:name /q?name=:name", "/p/x", (302, "/q?name=x")),
        ("/p/:name /:other/:name", "/p/x", (302, "/:other/x")),
        ("/ü /u", "/%C3%BC", (302, "/u")),
        ("/u /ü", "/u", (302, "/%C3%BC")),
        ("/a.c /x", "/abc", (404, None)),
        ("/(a|b)+ /x", "/(a|b)+", (302, "/x")),
    ],
)
def test_a_rule_leads_where_it_says(redirected, rule, path, answer):
    assert redirected(rule, path) == answer


def test_the_query_is_kept_unless_the_target_has_one(redirected):
    rules = "/a /b\n/c /d?own=1\n/e https://example.org/e#f\n"

    assert redirected(rules, "/a?x=1&y=2") == (302, "/b?x=1&y=2")
    assert redirected(rules, "/c?x=1") == (302, "/d?own=1")
    assert redirected(rules, "/e?x=1") == (302, "https://example.org/e?x=1#f")


def test_rules_without_marks_at_the_top_go_first_and_of_the_others_the_first(redirected):
    rules = "/a/exact /static\n/a/* /first/:splat\n/a/b /never\n/a/:name /never\n/c /also\n"

    assert redirected(rules, "/a/exact") == (302, "/static")
    assert redirected(rules, "/a/b") == (302, "/first/b")
    assert redirected(rules, "/c") == (302, "/also")


def test_redirects_go_before_files_and_for_every_method(put, redirected):
    put("/a.txt", "/b.txt")

    assert redirected("/a.txt /b.txt", "/a.txt") == (302, "/b.txt")
    assert redirected("/a.txt /b.txt", "/a.txt", method="POST") == (302, "/b.txt")


@pytest.mark.parametrize("path", ["/x//evil.example/", "/x//\\evil.example", "/x/\\evil.example", "/x/%5Cevil.example"])
def test_what_a_splat_holds_never_becomes_another_host(redirected, path):
    status, location = redirected("/x/* /:splat", path)

    assert status == 302
    assert location[:2] not in ("//", "/\\")
    assert Request(f"https://any.host{location}").url.startswith("https://any.host/")


def test_what_a_placeholder_makes_no_address_is_not_found(redirected):
    assert redirected("/go/:host https://:host/", "/go/a.example") == (302, "https://a.example/")
    assert redirected("/go/:host https://:host/", "/go/a%20b") == (404, None)


class TestRewriting:
    """The status 200: another path answers, and the browser does not learn of it."""

    @pytest.fixture
    def fetch(self, public, put):
        put("/users/id.html", "/index.html", "/app.js")
        (public / "_redirects").write_text("/users/* /users/id 200\n/x /gone 200\n/moved /users/id.html 200\n")
        return lambda path: Site.open(public, "auto-trailing-slash", "none").answer(Request(f"https://h{path}"))

    def test_another_path_answers_in_its_place(self, fetch):
        assert (fetch("/users/7").status, fetch("/users/7").body) == (200, b"this is /users/id.html")

    def test_a_path_that_is_not_there_is_not_found(self, fetch):
        assert fetch("/x").status == 404

    def test_a_target_that_is_not_canonical_leads_to_the_canonical_one(self, fetch):
        assert fetch("/moved?a=1").headers["location"] == "/users/id?a=1"

    def test_rewriting_never_leaves_the_directory(self, public, put):
        put("/a.txt")
        (public / "_redirects").write_text("/r/* /:splat 200\n")
        site = Site.open(public, "auto-trailing-slash", "none")

        for path in ("/r/../secret.txt", "/r/..%2fsecret.txt", "/r/%2e%2e%2fsecret.txt", "/r/_redirects"):
            assert site.answer(Request(f"https://h{path}")).status == 404


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/a", "write: /from /to [status]; got 1 words"),
        ("/a /b 301 x", "write: /from /to [status]; got 4 words"),
        ("/a /b 404", "the status is one of 200, 301, 302, 303, 307, 308; got 404"),
        ("/a /b x", "the status is one of 200, 301, 302, 303, 307, 308; got x"),
        ("/a b", "a target begins with / or https://; got b"),
        ("/a http://b/", "a target begins with / or https://; got http://b/"),
        ("https://h/a /b", "a redirect begins at a path, not at a host; got https://h/a"),
        ("/a https://h/b 200", "with the status 200 the target is a path of the same site; got https://h/b"),
        ("/*/x/* /y", "a pattern has one splat at most"),
        ("/:a/:a /y", "no placeholder twice"),
        ("/* /index.html 200", "it would lead in circles"),
        ("/ /index", "it would lead in circles"),
        ("/" + "a" * 2000 + " /b", "a line has at most 2000 characters"),
    ],
)
def test_a_line_that_is_no_rule_is_left_out_with_its_reason(line, reason):
    redirects, (told,) = parse_redirects(f"# rules\n\n/good /better\n{line}\n", html_handled=True)

    assert told.startswith("line 4: ")
    assert reason in told
    assert list(redirects.static) == ["/good"]
    assert redirects.dynamic == ()


def test_the_root_may_lead_to_the_index_where_html_is_not_handled():
    assert parse_redirects("/ /index.html", html_handled=False)[1] == []


def test_the_second_rule_for_a_path_is_left_out():
    redirects, told = parse_redirects("/a /b\n/a /c\n", html_handled=True)

    assert told == ["line 2: there is a rule for /a already"]
    assert redirects.static["/a"].target == "/b"


def test_rules_above_the_limits_are_left_out():
    lines = [f"/s{n} /t" for n in range(2001)] + [f"/d{n}/* /t" for n in range(101)]

    redirects, told = parse_redirects("\n".join(lines), html_handled=True)

    assert (len(redirects.static), len(redirects.dynamic)) == (2000, 100)
    assert told == [
        "line 2001: there are at most 2000 rules without splat or placeholder",
        "line 2102: there are at most 100 rules with or after splats and placeholders",
    ]

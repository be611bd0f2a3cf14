"""The file `_headers`."""

import pytest

from broker.http import Headers, Request
from worker_runtime.assets.header_rules import apply, parse_headers
from worker_runtime.assets.site import Site


def headers_for(text, path="/", host="any.host", **own):
    rules, wrong = parse_headers(text)
    assert wrong == []
    headers = Headers({name.replace("_", "-"): value for name, value in own.items()})
    apply(rules, headers, host, path)
    return dict(headers)


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a/*", "/a/b/c", True),
        ("/a/*", "/a", False),
        ("/*", "/", True),
        ("/:one", "/a", True),
        ("/:one", "/a/b", False),
        ("/a.c", "/abc", False),
        ("https://any.host/a", "/a", True),
        ("https://ANY.host/a", "/a", True),
        ("https://other.host/a", "/a", False),
        ("https://:sub.host/*", "/a/b", True),
        ("https://:sub/*", "/a/b", False),
    ],
)
def test_a_rule_is_for_the_paths_that_fit(rule, path, fits):
    assert headers_for(f"{rule}\n  X-A: 1\n", path) == ({"x-a": "1"} if fits else {})


def test_splats_and_placeholders_stand_in_values():
    text = "https://:sub.host/*\n  X-Sub: :sub and :splat\n/p/:name\n  X-Name: it is :name, not :other\n"

    assert headers_for(text, "/p/x", host="www.host") == {
        "x-sub": "www and p/x",
        "x-name": "it is x, not :other",
    }


def test_a_rule_replaces_what_was_there_and_rules_add_up():
    text = "/*\n  Cache-Control: no-store\n  X-A: 1\n/a\n  X-A: 2\n  X-A: 3\n"

    assert headers_for(text, "/a", cache_control="public") == {"cache-control": "no-store", "x-a": "1, 2, 3"}


def test_a_rule_takes_headers_away_before_it_sets_its_own():
    text = "/*\n  X-A: 1\n/a\n  ! X-A\n  ! Etag\n  X-B: 2\n"

    assert headers_for(text, "/a", etag='"x"') == {"x-b": "2"}


def test_two_rules_for_one_path_both_count():
    assert headers_for("/a\n  X-A: 1\n/b\n  X-B: 1\n/a\n  X-C: 1\n", "/a") == {"x-a": "1", "x-c": "1"}


def test_a_value_may_hold_colons_and_a_comment_is_none():
    text = "# first\n/a\n  # a header\n  Link: <https://h/x>; rel=preload\n"

    assert headers_for(text, "/a") == {"link": "<https://h/x>; rel=preload"}


def test_every_answer_gets_them(public, put):
    put("/a.txt", "/page.html")
    (public / "_headers").write_text("/*\n  X-All: yes\n  ! Cache-Control\n")
    (public / "_redirects").write_text("/old /new\n")
    site = Site.open(public, "auto-trailing-slash", "none")
    etag = site.answer(Request("https://h/a.txt")).headers["etag"]

    answers = [
        site.answer(Request(f"https://h{path}", method=method, headers={"if-none-match": known}))
        for path, method, known in [
            ("/a.txt", "GET", ""),
            ("/a.txt", "GET", etag),
            ("/a.txt", "POST", ""),
            ("/page.html", "GET", ""),
            ("/old", "GET", ""),
            ("/gone", "GET", ""),
        ]
    ]

    assert [answer.status for answer in answers] == [200, 304, 405, 307, 302, 404]
    assert {answer.headers.get("x-all") for answer in answers} == {"yes"}
    assert not any("cache-control" in answer.headers for answer in answers)


def test_a_page_whose_hash_is_taken_away_is_served_all_the_same(public, put):
    put("/a.txt")
    (public / "_headers").write_text("/*\n  ! ETag\n")

    response = Site.open(public, "none", "none").answer(Request("https://h/a.txt"))

    assert (response.status, "etag" in response.headers) == (200, False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("  no colon", "write name: value; got no colon"),
        ("  X-A:", "write name: value"),
        ("  a b: c", "Invalid header name 'a b'"),
        ("  : c", "Invalid header name ''"),
        ("  X-A: \u2603", "the value of X-A has characters that no header can have"),
        ("  X-A: a\0b", "holds a line break or NUL"),
        ("  ! a b", "Invalid header name 'a b'"),
        ("  X-A: " + "a" * 2000, "a line has at most 2000 characters"),
    ],
)
def test_a_line_that_is_no_header_is_left_out_with_its_reason(line, reason):
    (rule,), (told,) = parse_headers(f"/a\n  X-Good: 1\n{line}\n")

    assert told.startswith("line 3: ")
    assert reason in told
    assert rule.set == {"x-good": "1"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("http://h/a", "a rule begins with / or https://; got http://h/a"),
        ("https://h:8080/a", "a host has no port here; got https://h:8080/a"),
        ("/*/*", "a pattern has one splat at most"),
        ("/:a/:a", "no placeholder twice"),
    ],
)
def test_the_headers_of_a_rule_that_is_none_go_to_no_other(line, reason):
    rules, (told,) = parse_headers(f"/a\n  X-A: 1\n{line}\n  X-B: 1\n/c\n  X-C: 1\n")

    assert told.startswith("line 3: ")
    assert reason in told
    assert [rule.set for rule in rules] == [{"x-a": "1"}, {"x-c": "1"}]


def test_headers_without_a_path_and_paths_without_headers_are_left_out():
    assert parse_headers("  X-A: 1\n/a\n/b\n  X-B: 1\n")[1] == [
        "line 1: a path comes first",
        "line 2: no header follows",
    ]


def test_rules_above_the_limit_are_left_out():
    rules, told = parse_headers("".join(f"/{n}\n  X-A: 1\n" for n in range(102)))

    assert len(rules) == 100
    assert told == ["line 201: there are at most 100 rules", "line 203: there are at most 100 rules"]

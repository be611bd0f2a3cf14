"""Who answers: the assets or the service."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.http import Request, Response
from worker_runtime.assets.front import Front
from worker_runtime.assets.routing import Routing, mistakes
from worker_runtime.assets.site import Site

RULES = ("/api/*", "!/api/docs/*", "/exact")


@pytest.mark.parametrize(
    ("rules", "path", "turn"),
    [
        (False, "/x", "assets if there are"),
        (True, "/x", "service"),
        (RULES, "/api/users", "service"),
        (RULES, "/api/docs/index.html", "assets"),
        (RULES, "/api/docs", "service"),
        (RULES, "/exact", "service"),
        (RULES, "/exact/", "assets if there are"),
        (RULES, "/x/api/users", "assets if there are"),
        (("/*",), "/", "service"),
        (("/a*z",), "/abcz", "service"),
        (("/a.c",), "/abc", "assets if there are"),
        (("/a*a",), "/a", "assets if there are"),
        (("/*b*b",), "/b", "assets if there are"),
    ],
)
def test_rules_say_whose_turn_it_is(rules, path, turn):
    assert Routing(rules).turn(path) == turn


@given(st.text("ab*/", max_size=8), st.text("ab/", max_size=10))
def test_a_star_stands_for_anything_and_all_else_for_itself(rule, path):
    expression = "/" + ".*".join(map(re.escape, rule.split("*")))

    assert (Routing((f"/{rule}",)).turn(f"/{path}") == "service") == bool(re.fullmatch(expression, f"/{path}"))


def test_a_rule_of_many_stars_costs_one_pass():
    rule, path = "/" + "*a" * 45 + "b", "/" + "a" * 60_000

    assert Routing((rule,)).turn(path) == "assets if there are"


@pytest.mark.parametrize(
    ("rules", "mistake"),
    [
        ((), "should have at least one rule."),
        (("!/a",), "should have at least one rule that begins with /."),
        (("/a", "b"), "the rule 'b' should begin with / or !/."),
        (("/a", "!b"), "the rule '!b' should begin with / or !/."),
        (("/a", "/a"), "the rule '/a' appears twice."),
        (("/a/*", "/a/b"), "the rule '/a/b' says nothing beside '/a/*'."),
        (("/x", "!/a/*", "!/a/b"), "the rule '!/a/b' says nothing beside '!/a/*'."),
        (("/" + "a" * 100,), "should have at most 100 characters."),
        (tuple(f"/{n}" for n in range(101)), "should have at most 100 rules but got 101."),
    ],
)
def test_rules_that_make_no_sense_are_told(rules, mistake):
    (told,) = mistakes(rules)

    assert mistake in told


def test_good_rules_have_no_mistake():
    assert list(mistakes(RULES)) == []
    assert list(mistakes((*(f"/{n}" for n in range(99)), "/" + "a" * 99))) == []


@pytest.fixture
def who(public, put):
    """Who answers a request, and with which status."""
    put("/a.txt", "/page.html", "/index.html", "/404.html", "/api/docs/a.txt")
    (public / "_redirects").write_text("/old /new\n/empty /gone 200\n")

    async def service(_request):
        return Response("the service", status=299)

    def answered(path, rules=False, not_found="none", has_service=True, **request):
        front = Front(Site.open(public, "auto-trailing-slash", not_found), Routing(rules), has_service=has_service)
        return asyncio.run(front.fetch(Request(f"https://h{path}", **request), service)).status

    return answered


SERVICE = 299
INSTEAD = [("none", SERVICE), ("404-page", 404), ("single-page-application", 200)]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/a.txt", 200),
        ("/page", 200),
        ("/page.html", 307),
        ("/old", 302),
        ("/empty", 404),
        ("/", 200),
        ("/gone", SERVICE),
        ("/_redirects", SERVICE),
    ],
)
@pytest.mark.parametrize("not_found", ["none", "404-page", "single-page-application"])
def test_the_assets_answer_what_they_have_and_the_service_the_rest(who, path, status, not_found):
    assert who(path, not_found=not_found) == status


def test_a_method_that_assets_do_not_take_is_refused_where_there_is_one(who):
    assert who("/a.txt", method="POST") == 405
    assert who("/gone", method="POST", body="x") == SERVICE


@pytest.mark.parametrize(
    ("not_found", "status"), [("none", SERVICE), ("404-page", 404), ("single-page-application", 200)]
)
def test_a_page_that_a_browser_goes_to_is_never_left_to_the_service_if_something_stands_for_it(who, not_found, status):
    assert who("/gone", not_found=not_found, headers={"sec-fetch-mode": "navigate"}) == status
    assert who("/gone", not_found=not_found, headers={"sec-fetch-mode": "cors"}) == SERVICE


@pytest.mark.parametrize(
    ("not_found", "status"), [("none", SERVICE), ("404-page", 404), ("single-page-application", 200)]
)
def test_with_rules_what_fits_none_of_them_is_answered_by_the_assets_if_they_can(who, not_found, status):
    assert who("/gone", RULES, not_found) == status
    assert who("/api/gone", RULES, not_found) == SERVICE
    assert who("/api/docs/a.txt", RULES, not_found) == 200
    assert who("/a.txt", RULES, not_found) == 200


def test_a_negative_rule_leaves_a_path_to_the_assets_even_if_they_have_nothing(who):
    assert who("/api/docs/gone", RULES) == 404


def test_a_service_that_runs_first_answers_everything(who):
    assert [who(path, rules=True) for path in ("/a.txt", "/gone", "/old")] == [SERVICE] * 3


def test_a_service_that_runs_first_does_not_wait_for_files(public):
    front = Front(Site.open(public, "none", "none"), Routing(("/api/*",)), has_service=True)

    assert not front.may_answer(Request("https://h/api/x"))
    assert front.may_answer(Request("https://h/x"))
    assert front.answer(Request("https://h/api/x")) is None


def test_without_a_service_the_assets_answer_everything(who):
    assert who("/gone", has_service=False) == 404
    assert who("/gone", has_service=False, not_found="single-page-application") == 200
    assert who("/a.txt", has_service=False) == 200

"""Whatever stands in the files of rules, they are read, and answers come."""

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.http import Headers, Request
from worker_runtime.assets.answers import Rules, answer
from worker_runtime.assets.header_rules import parse_headers
from worker_runtime.assets.redirects import parse_redirects

WORDS = st.one_of(
    st.sampled_from(["/a", "/*", "/:a/*", "/:splat/*", "https://h/", "https://:h:1/:a", "https://[/", "200", "301"]),
    st.sampled_from(["X-A:", "x", ":a", "//", "/..", "%", "\\", "https://", "https:///", "/%2e%2e/:a", "*", "/{}[]("]),
    st.sampled_from(["#", "! ", "?q"]),
    st.text(max_size=4),
)
LINES = st.lists(st.tuples(st.sampled_from([" ", "", "\t"]), st.lists(WORDS, max_size=4)), max_size=8)
PATHS = st.sampled_from(["/", "/a", "/a/b/c", "//x//y", "/%2e/%5c", "/a?q=1", "/:a/*", "/..%2f..%2fx"])


@settings(deadline=None)
@given(LINES, LINES, PATHS, st.booleans())
def test_any_text_is_read_and_any_path_answered(headers, redirects, path, html_handled):
    texts = ["\n".join(between.join(words) for between, words in lines) for lines in (headers, redirects)]
    header_rules, _ = parse_headers(texts[0])
    redirect_rules, _ = parse_redirects(texts[1], html_handled=html_handled)
    rules = Rules(redirects=redirect_rules, headers=header_rules)

    found = answer(Request(f"https://any.host{path}"), rules, {"/a.html": "1", "/index.html": "2"}.get)

    assert found.status in (200, 301, 302, 303, 307, 308, 404)
    assert Headers(found.headers).dump() == found.headers.dump()
    assert not found.headers.get("location", "/").startswith(("//", "/\\"))

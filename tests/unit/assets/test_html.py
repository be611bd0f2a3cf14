"""`html_handling` and `not_found_handling`: which file answers, which path is canonical."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker_runtime.assets.html import Move, Serve, resolve

AUTO, FORCE, DROP, NONE = WAYS = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
NOT_FOUND = ("none", "404-page", "single-page-application")


def look(path, html, *files, not_found="none", same=()):
    """What *path* stands for among *files*; those of `same` have the same content."""
    return resolve(path, html, not_found, {file: "same" if file in same else file for file in files}.get)


def told(intent):
    match intent:
        case Serve(path, _, 200):
            return f"200 {path}"
        case Serve(path, _, status):
            return f"{status} {path}"
        case Move(path):
            return f"307 {path}"
        case _:
            return "404"


TABLE = [
    ("/file", "200 /file.html", "307 /file/", "200 /file.html", "404"),
    ("/file.html", "307 /file", "307 /file/", "307 /file", "200 /file.html"),
    ("/file/", "307 /file", "200 /file.html", "307 /file", "404"),
    ("/file/index", "307 /file", "307 /file/", "307 /file", "404"),
    ("/file/index.html", "307 /file", "307 /file/", "307 /file", "404"),
    ("/folder", "307 /folder/", "307 /folder/", "200 /folder/index.html", "404"),
    ("/folder/", "200 /folder/index.html", "200 /folder/index.html", "307 /folder", "404"),
    ("/folder/index", "307 /folder/", "307 /folder/", "307 /folder", "404"),
    ("/folder/index.html", "307 /folder/", "307 /folder/", "307 /folder", "200 /folder/index.html"),
    ("/folder.html", "307 /folder/", "307 /folder/", "307 /folder", "404"),
    ("/bin", "200 /bin", "200 /bin", "200 /bin", "200 /bin"),
    ("/bin/", "404", "404", "404", "404"),
    ("/gone", "404", "404", "404", "404"),
    ("/", "200 /index.html", "200 /index.html", "200 /index.html", "404"),
    ("/index", "307 /", "307 /", "307 /", "404"),
    ("/index.html", "307 /", "307 /", "307 /", "200 /index.html"),
]


@pytest.mark.parametrize("column", range(4), ids=WAYS)
@pytest.mark.parametrize("row", TABLE, ids=[row[0] for row in TABLE])
def test_each_path_is_answered_as_the_table_says(row, column):
    found = look(row[0], WAYS[column], "/index.html", "/file.html", "/folder/index.html", "/bin")

    assert told(found) == row[column + 1]


BOTH = [
    # `/both.html` and `/both/index.html` exist: each stays reachable, and nothing leads to the other's content.
    ("/both", "200 /both.html", "307 /both/", "200 /both.html"),
    ("/both/", "200 /both/index.html", "200 /both/index.html", "307 /both"),
    ("/both.html", "307 /both", "200 /both.html", "307 /both"),
    ("/both/index.html", "307 /both/", "307 /both/", "200 /both/index.html"),
    ("/both/index", "307 /both/", "307 /both/", "307 /both"),
]


@pytest.mark.parametrize("column", range(3), ids=WAYS[:3])
@pytest.mark.parametrize("row", BOTH, ids=[row[0] for row in BOTH])
def test_a_page_as_file_and_as_folder_keeps_both_reachable(row, column):
    assert told(look(row[0], WAYS[column], "/both.html", "/both/index.html")) == row[column + 1]


def test_no_redirect_leads_to_a_path_that_is_a_file_itself():
    assert told(look("/page.html", AUTO, "/page.html", "/page")) == "200 /page.html"


def test_a_redirect_may_lead_to_another_file_of_the_same_content():
    files = ("/both.html", "/both/index.html")

    assert told(look("/both/index.html", DROP, *files, same=files)) == "307 /both"


def test_a_file_called_index_is_served_as_it_is():
    assert [told(look("/a/index", way, "/a/index", "/a/index.html")) for way in WAYS] == ["200 /a/index"] * 4


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/a/b/gone", "404 /a/404.html"),
        ("/a/gone/", "404 /a/404.html"),
        ("/b/c/gone", "404 /404.html"),
        ("/gone", "404 /404.html"),
    ],
)
def test_the_nearest_404_page_answers_where_nothing_is_found(path, answer):
    assert told(look(path, AUTO, "/404.html", "/a/404.html", not_found="404-page")) == answer


def test_a_single_page_application_answers_where_nothing_is_found():
    assert told(look("/a/gone", AUTO, "/index.html", not_found="single-page-application")) == "200 /index.html"
    assert told(look("/a/gone", AUTO, "/other.html", not_found="single-page-application")) == "404"


def test_without_a_404_page_there_is_nothing():
    assert told(look("/a/gone", AUTO, "/index.html", not_found="404-page")) == "404"


NAMES = st.sampled_from(["a", "index", "index.html", "a.html", ".html", "404.html", "", "b"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
FILES = st.dictionaries(PATHS.filter(lambda path: not path.endswith("/")), st.sampled_from("xyz"), max_size=6)


@given(PATHS, FILES, st.sampled_from(WAYS), st.sampled_from(NOT_FOUND))
def test_redirects_lead_to_an_answer_soon_and_never_in_circles(path, files, html, not_found):
    first = last = resolve(path, html, not_found, files.get)

    for _ in range(2):
        if isinstance(last, Move):
            assert last.path.startswith("/")
            last = resolve(last.path, html, not_found, files.get)
    if isinstance(first, Move):
        assert isinstance(last, Serve)
    elif isinstance(first, Serve):
        assert files[first.path] == first.etag

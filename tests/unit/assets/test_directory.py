"""No path, link or encoding leaves the directory, and every path is answered."""

import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.http import Request
from worker_runtime.assets.answers import Rules
from worker_runtime.assets.directory import Directory
from worker_runtime.assets.site import Site
from worker_runtime.config import AssetsConfig
from worker_runtime.services.sites import site_of


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%2e%2e%2fsecret.txt",
        "/d/../../secret.txt",
        "/d/%2e%2e/%2e%2e/secret.txt",
        "/..\\secret.txt",
        "/%5c..%5csecret.txt",
        "/.%2e/secret.txt",
        "//secret.txt",
        "/%2fsecret.txt",
        "/d/.%00./secret.txt",
        "/%00/../secret.txt",
        "/a.txt%00",
        "/.",
        "/d/.",
    ],
)
def test_no_encoding_leaves_the_directory(put, ask, path):
    put("/a.txt", "/d/b.txt")

    for html in ("auto-trailing-slash", "none"):
        response = ask(path, html=html)
        assert b"hush" not in (response.body or b"")
        assert response.status in (404, 307)
        assert response.status == 404 or ask(response.headers["location"]).status == 404


def test_absolute_paths_lead_nowhere(ask, tmp_path):
    secret = tmp_path / "secret.txt"

    assert ask(str(secret)).status == 404
    assert ask("/" + quote(str(secret), safe="")).status == 404


def test_links_are_followed_within_the_directory_and_nowhere_else(put, public, ask, tmp_path):
    put("/d/b.txt")
    (public / "inside.txt").symlink_to("d/b.txt")
    (public / "folder").symlink_to(public / "d")
    (public / "outside.txt").symlink_to(tmp_path / "secret.txt")
    (public / "up").symlink_to("..")
    (public / "round").symlink_to("round")
    (public / "dangling").symlink_to("gone")

    assert ask("/inside.txt").body == ask("/folder/b.txt").body == b"this is /d/b.txt"
    for path in ("/outside.txt", "/up/secret.txt", "/up", "/round", "/round/x", "/dangling"):
        assert ask(path).status == 404


def test_a_neighbour_whose_name_begins_the_same_is_outside(public, ask):
    neighbour = public.parent / "public-secret"
    neighbour.mkdir()
    (neighbour / "x.txt").write_text("hush")
    (public / "link").symlink_to(neighbour)

    assert ask("/link/x.txt").status == 404


def test_a_link_that_is_put_there_meanwhile_leads_nowhere(put, public, tmp_path):
    """The place is looked up, then the folder becomes a link: opening must not follow it."""
    put("/d/secret.txt")

    class Hasty(Directory):
        def _open(self, place):
            (public / "d" / "secret.txt").unlink()
            (public / "d").rmdir()
            (public / "d").symlink_to(tmp_path)
            return super()._open(place)

    assert Hasty(public, lambda _: False).etag_of("/d/secret.txt") is None


def test_only_files_are_served(put, public, ask):
    put("/d/b.txt")
    os.mkfifo(public / "pipe")

    answered = threading.Event()
    waiting = threading.Thread(target=lambda: (ask("/pipe"), answered.set()), daemon=True)
    waiting.start()

    assert answered.wait(10), "it waits for somebody to write into the pipe"
    assert ask("/pipe").status == 404
    assert ask("/d").status == 404
    assert ask("/d/b.txt/").status == 404
    assert ask("/d/b.txt/c").status == 404


def test_a_file_that_cannot_be_read_is_told(put, public):
    class Unreadable(Directory):
        def _open(self, place):
            raise PermissionError(13, "Permission denied", place)

    put("/a.txt")

    with pytest.raises(PermissionError):
        Unreadable(public, lambda _: False).etag_of("/a.txt")


@pytest.mark.parametrize("name", ["_headers", "_redirects", ".assetsignore"])
def test_the_files_of_rules_are_never_served(public, ask, name):
    (public / name).write_text("# nothing\n!/_headers\n!/_redirects\n!/.assetsignore\n")
    (public / "link.txt").symlink_to(name)
    (public / "d").mkdir()
    (public / "d" / name).write_text("not at the top: a file like others")

    for path in (f"/{name}", f"/%{ord(name[0]):02X}{name[1:]}", f"/{name.upper()}", "/link.txt", f"/{name}/"):
        assert ask(path).status == 404
    assert ask(f"/d/{name}").status == 200


@pytest.mark.parametrize(
    "name", [".dev.vars", ".dev.vars.prod", ".callyard/state.sqlite", "wrangler.toml", "d/.DEV.vars"]
)
def test_secrets_state_and_configurations_are_never_served(put, ask, name):
    put(f"/{name}")

    assert ask(f"/{name}", html="none").status == 404


def test_hidden_files_are_served_as_others_are(put, ask):
    put("/.well-known/security.txt")

    assert ask("/.well-known/security.txt").status == 200


def test_what_is_ignored_is_no_asset(put, public, ask):
    put("/a.map", "/keep.map", "/node_modules/x/y.js", "/top.txt", "/d/top.txt")
    (public / ".assetsignore").write_text("# maps\n*.map\n!keep.map\nnode_modules\n/top.txt\n")
    (public / "link.txt").symlink_to("top.txt")

    answers = {path: ask(path).status for path in ("/a.map", "/node_modules/x/y.js", "/top.txt", "/link.txt")}

    assert set(answers.values()) == {404}
    assert (ask("/keep.map").status, ask("/d/top.txt").status) == (200, 200)


def test_very_long_and_very_deep_paths_are_answered(ask):
    assert ask("/" + "a" * 5000).status == 404
    assert ask("/a" * 5000).status == 404


PARTS = st.one_of(
    st.sampled_from(["..", ".", "%2e%2e", "%2E.", "%2f", "%5c", "\\", "", "d", "up", "out.txt", "secret.txt", "a.txt"]),
    st.sampled_from(
        ["index.html", "%00", "%", "%ff", "%c0%ae%c0%ae", "_headers", ":", "*", "~", "b.html", "%252e%252e"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(lambda text: quote(text, safe="")),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="?#"), max_size=5),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Site]:
    around = tmp_path_factory.mktemp("around")
    (around / "secret.txt").write_text("hush")
    public = around / "public"
    (public / "d").mkdir(parents=True)
    for name in ("a.txt", "d/b.html", "index.html", "404.html", "d/index.html"):
        (public / name).write_text("open to all")
    (public / "up").symlink_to("..")
    (public / "out.txt").symlink_to("../secret.txt")
    (public / "_headers").write_text("/*\n  X-Splat: :splat\n/d/:name\n  X-Name: :name\n")
    (public / "_redirects").write_text(
        "/old/* /d/:splat 200\n/away/* https://example.org/:splat\n/here/:a/* /:splat/:a 301\n"
    )
    ways = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
    handled = ("none", "404-page", "single-page-application")
    return {(html, not_found): Site.open(public, html, not_found) for html in ways for not_found in handled}


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["", "/old", "/away", "/here", "/d"]),
    st.lists(PARTS, max_size=6),
    st.sampled_from([
        (html, not_found)
        for html in ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
        for not_found in ("none", "404-page", "single-page-application")
    ]),
    st.sampled_from(["GET", "HEAD", "POST"]),
)  # fmt: skip
def test_whatever_is_asked_is_answered_from_the_directory(fuzzed, begin, parts, way, method):
    try:
        request = Request(f"https://any.host{begin}/{'/'.join(parts)}", method=method)
    except ValueError:
        return

    response = fuzzed[way].answer(request)

    assert response.status in (200, 301, 302, 304, 307, 404, 405)
    assert response.body in (None, b"open to all")
    if "location" in response.headers:
        to = response.headers["location"]
        assert to.startswith(("/", "https://example.org/"))
        assert not to.startswith(("//", "/\\"))
        Request(f"https://any.host{to}" if to.startswith("/") else to)


def test_the_directory_itself_may_be_a_link(put, public, tmp_path: Path):
    put("/a.txt")
    (tmp_path / "current").symlink_to(public)

    assert Site.open(tmp_path / "current", "none", "none").answer(Request("https://h/a.txt")).status == 200


@pytest.fixture
def counted(public):
    """A directory, and the files that it read."""
    read = []

    class Counted(Directory):
        def _hash(self, file, place, status, pieces=None):
            read.append(place)
            return super()._hash(file, place, status, pieces)

    return Counted(public, lambda _: False), read


def test_the_hash_of_a_file_that_stays_as_it_is_is_worked_out_once(put, public, counted):
    put("/a.txt")
    (public / "link.txt").symlink_to("a.txt")
    os.utime(public / "a.txt", (1_000_000, 1_000_000))
    directory, read = counted

    assert len({directory.etag_of(path) for path in ("/a.txt", "/a.txt", "/link.txt")}) == 1
    assert read == ["a.txt"]

    before = directory.etag_of("/a.txt")
    (public / "a.txt").write_text("something else")
    assert directory.etag_of("/a.txt") != before


def test_a_file_that_was_written_just_now_is_read_again(put, public, counted):
    """It may be written again within the same tick of the file system's clock."""
    put("/a.txt")
    now = time.time() + 60  # however slow the test is
    os.utime(public / "a.txt", (now, now))
    directory, read = counted
    before = directory.etag_of("/a.txt")

    (public / "a.txt").write_text("THIS IS /a.txt")
    os.utime(public / "a.txt", (now, now))

    assert directory.etag_of("/a.txt") != before
    assert len(read) == 2


def test_a_file_that_changes_while_it_is_answered_is_never_sent_under_the_hash_of_another(put, public):
    put("/a.txt")

    class Changing(Directory):
        def etag_of(self, path):
            etag = super().etag_of(path)
            (public / "a.txt").write_text(texts.pop())
            return etag

    site = Site(Changing(public, lambda _: False), Rules(html="none"))
    texts = ["same", "same", "other"]
    response = site.answer(Request("https://h/a.txt"))
    assert (response.body, texts) == (b"same", [])
    assert response.headers["etag"] == f'"{Directory(public, lambda _: False).etag_of("/a.txt")}"'

    texts = ["one", "two", "three"]
    with pytest.raises(OSError, match="keeps changing"):
        site.answer(Request("https://h/a.txt"))


def test_a_site_is_opened_once_as_long_as_its_rules_stay(put, public):
    config = AssetsConfig(directory=public)
    site = site_of(config)

    put("/a.txt")
    assert site_of(AssetsConfig(directory=public)) is site
    assert site_of(AssetsConfig(directory=public, html_handling="none")) is not site
    (public / "_redirects").write_text("/old /a.txt\n")
    assert site_of(config).answer(Request("https://h/old")).status == 302

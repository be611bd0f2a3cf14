"""The `assets` table."""

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import load, plan


def mistakes(load_toml, text, **options):
    with pytest.raises(ConfigurationError) as caught:
        load_toml(text, **options)
    return str(caught.value).splitlines()


def assets(load_toml, text, **options):
    found = load_toml(f"[assets]\n{text}", **options).assets
    assert found is not None
    return found


@pytest.fixture
def load_without_main(folder):
    def load_text(text):
        (folder / "wrangler.toml").write_text(f'name = "site"\n{text}')
        return load(folder, process_environment={})

    return load_text


def test_a_directory_is_all_that_is_needed(load_toml, folder):
    found = assets(load_toml, 'directory = "./public"')

    assert found.directory == (folder / "public").resolve()
    assert (found.binding, found.html_handling, found.not_found_handling) == (None, "auto-trailing-slash", "none")
    assert found.run_worker_first is False


def test_without_the_table_there_are_none(load_toml):
    assert load_toml().assets is None


def test_everything_may_be_said(load_toml):
    found = assets(
        load_toml,
        """
        directory = "public"
        binding = "ASSETS"
        html_handling = "drop-trailing-slash"
        not_found_handling = "404-page"
        run_worker_first = ["/api/*", "!/api/docs/*"]
        """,
    )

    assert (found.binding, found.html_handling, found.not_found_handling) == (
        "ASSETS",
        "drop-trailing-slash",
        "404-page",
    )
    assert found.run_worker_first == ("/api/*", "!/api/docs/*")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('assets = "public"', 'assets: The field "assets" should be an object but got "public". Write directory ='),
        ("assets = {}", 'assets.directory: is missing. Write directory = "./public".'),
        ("assets = { directory = 1 }", "assets.directory: should be the path of a directory but got 1."),
        ('assets = { directory = "" }', 'assets.directory: should be the path of a directory but got "".'),
        ('assets = { directory = "gone" }', 'assets.directory: no directory "gone". Create '),
        ('assets = { directory = "worker.py" }', 'assets.directory: "worker.py" is a file. Create '),
        ('assets = { directory = "public", binding = 1 }', "assets.binding: should be a string but got 1."),
        (
            'assets = { directory = "public", binding = "A-B" }',
            "assets.binding: should be a name that can",
        ),
        (
            'assets = { directory = "public", html_handling = "auto" }',
            'html_handling: should be one of "auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", ',
        ),
        (
            'assets = { directory = "public", not_found_handling = true }',
            'assets.not_found_handling: should be one of "none", "404-page", "single-page-application" but got true.',
        ),
        (
            'assets = { directory = "public", run_worker_first = "/api/*" }',
            'assets.run_worker_first: should be true, false or a list of rules but got "/api/*".',
        ),
        ('assets = { directory = "public", run_worker_first = [1] }', "should be a list of texts but got [1]."),
        ('assets = { directory = "public", run_worker_first = ["!/a"] }', "at least one rule that begins with /."),
        ('assets = { directory = "public", run_worker_first = ["api"] }', "the rule 'api' should begin with / or !/."),
    ],
)
def test_a_mistake_names_the_key_and_the_fix(load_toml, text, problem):
    assert problem in "\n".join(mistakes(load_toml, text))


def test_all_mistakes_come_at_once(load_toml):
    lines = mistakes(load_toml, 'assets = { directory = "gone", binding = 1, html_handling = 2, run_worker_first = 3 }')

    assert [line.split(": ")[1] for line in lines] == [
        "assets.directory",
        "assets.run_worker_first",
        "assets.binding",
        "assets.html_handling",
    ]


def test_an_unknown_key_gets_a_note_with_the_nearest_known_one(load_toml):
    notes = load_toml('assets = { directory = "public", html_handing = "none" }').notes

    assert notes == ('assets.html_handing: unknown key: ignored. Did you mean "html_handling"?',)


def test_a_service_that_runs_first_without_a_binding_gets_a_note(load_toml):
    (note,) = load_toml('assets = { directory = "public", run_worker_first = true }').notes

    assert note == "assets: run_worker_first without a binding: the service has no way to its assets"


def test_an_environment_may_have_assets_of_its_own(load_toml, folder):
    (folder / "other").mkdir()
    text = 'directory = "public"\nbinding = "ASSETS"\n[env.prod.assets]\ndirectory = "other"\n[env.test]\n'

    assert assets(load_toml, text, environment="prod").directory.name == "other"
    assert assets(load_toml, text, environment="prod").binding is None
    assert assets(load_toml, text, environment="test").binding == "ASSETS"


def test_a_service_may_have_assets_and_no_main(load_without_main):
    config = load_without_main('[assets]\ndirectory = "public"\n')

    assert config.main is None
    assert "  main none: it only has assets" in plan(config)


def test_without_assets_main_is_needed(load_without_main):
    with pytest.raises(ConfigurationError, match="main: is missing"):
        load_without_main("")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('binding = "ASSETS"', "assets.binding: a service that only has assets has no code to use the binding."),
        (
            "run_worker_first = true",
            "run_worker_first: there is no service to run first. Remove it, or set main.",
        ),
        ('run_worker_first = ["/a"]', "assets.run_worker_first: there is no service to run first."),
    ],
)
def test_without_main_nothing_may_ask_for_code(load_without_main, text, problem):
    with pytest.raises(ConfigurationError) as caught:
        load_without_main(f'[assets]\ndirectory = "public"\n{text}\n')

    assert problem in str(caught.value)


class TestTheDirectory:
    """What is found in it before anything starts."""

    TEXT = 'assets = { directory = "public" }'

    def test_a_file_that_is_too_large_is_refused(self, load_toml, folder):
        with (folder / "public" / "big.bin").open("wb") as file:
            file.truncate((25 << 20) + 1)

        (line,) = mistakes(load_toml, self.TEXT)

        assert "assets.directory: big.bin has 25.0 MiB; an asset has at most 25 MiB. Make it smaller, or list" in line
        (folder / "public" / ".assetsignore").write_text("*.bin\n")
        assert load_toml(self.TEXT).assets is not None

    def test_the_code_of_the_service_is_not_among_the_assets(self, load_toml, folder):
        (line,) = mistakes(load_toml, 'assets = { directory = "." }')

        assert "worker.py is the main of the service, and everybody could read it. Give the assets" in line
        (folder / ".assetsignore").write_text("*.py\n")
        assert load_toml('assets = { directory = "." }').assets is not None

    def test_too_many_files_are_refused(self, load_toml, folder, monkeypatch):
        monkeypatch.setattr("worker_runtime.assets.survey.MOST_FILES", 2)
        for name in ("a", "b", "c"):
            (folder / "public" / name).touch()

        (line,) = mistakes(load_toml, self.TEXT)

        assert "assets.directory: it holds more than 2 files." in line

    def test_links_that_lead_out_are_told(self, load_toml, folder):
        (folder / "public" / "out").symlink_to(folder)
        (folder / "public" / "inside").symlink_to("here")
        (folder / "public" / "d").mkdir()
        (folder / "public" / "d" / "round").symlink_to("..")

        notes = load_toml(self.TEXT).notes

        assert notes == (f"{(folder / 'public').resolve() / 'out'}: leads out of the directory: not served",)

    def test_rules_that_are_left_out_are_told_with_file_and_line(self, load_toml, folder):
        (folder / "public" / "_redirects").write_text("/a /b\n/a\n")
        (folder / "public" / "_headers").write_text("/a\n")

        first, second = load_toml(self.TEXT).notes

        assert first.endswith("public/_redirects: line 2: write: /from /to [status]; got 1 words: left out")
        assert second.endswith("public/_headers: line 1: no header follows: left out")

    def test_a_file_of_rules_that_cannot_be_read_is_refused(self, load_toml, folder):
        (folder / "public" / "_headers").mkdir()

        (line,) = mistakes(load_toml, self.TEXT)

        assert line.endswith("_headers cannot be read: Is a directory.")

    def test_ignoring_needs_its_extra_only_where_something_is_ignored(self, load_toml, folder, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "pathspec", None)
        (folder / "public" / ".assetsignore").write_text("# nothing\n")
        assert load_toml(self.TEXT).assets is not None

        (folder / "public" / ".assetsignore").write_text("*.map\n")
        (line,) = mistakes(load_toml, self.TEXT)

        assert line.endswith(
            ".assetsignore: reading it needs the package pathspec. Run: pip install 'callyard[assets]'."
        )

    def test_a_pattern_that_is_none_is_refused(self, load_toml, folder):
        (folder / "public" / ".assetsignore").write_text("!\n")

        (line,) = mistakes(load_toml, self.TEXT)

        assert "public/.assetsignore: " in line
        assert line.endswith("Write patterns as in a .gitignore.")


def test_the_plan_says_how_assets_are_served(load_toml, folder):
    text = """
        [assets]
        directory = "public"
        binding = "ASSETS"
        not_found_handling = "404-page"
        run_worker_first = ["/api/*", "!/api/docs"]
    """

    where = (folder / "public").resolve()
    how = "html auto-trailing-slash, not found 404-page, worker first /api/* !/api/docs"
    assert f"  assets ASSETS -> {where} ({how})" in plan(load_toml(text))
    assert f"  assets (no binding) -> {where} (html auto-trailing-slash, not found none)" in plan(
        load_toml('assets = { directory = "public" }')
    )

import pytest

from broker.errors import ConfigurationError

FULL = """
services = [{ binding = "B", service = "b" }]
vars = { A = 1, C = 2 }
assets = { directory = "public", binding = "ASSETS" }
[callyard]
lease = "5s"
retries = 1
[env.prod]
vars = { A = 3 }
callyard = { retries = 7 }
[env.staging]
name = "special"
main = "staging.py"
services = [{ binding = "B", service = "b-staging" }]
"""


def test_without_a_choice_the_top_level_holds_and_a_note_lists_the_environments(load_toml):
    config = load_toml(FULL)
    assert (config.name, config.environment, config.variables) == ("worker_b", None, {"A": 1, "C": 2})
    assert "env: no environment chosen, so the top level holds; there are: prod, staging" in config.notes


def test_an_environment_serves_the_name_with_its_own_behind_it(load_toml):
    config = load_toml(FULL, environment="prod")
    assert (config.name, config.environment) == ("worker_b-prod", "prod")
    assert config.main.name == "worker.py"


def test_an_environment_may_set_name_and_main(load_toml, folder):
    (folder / "staging.py").write_text("")
    config = load_toml(FULL, environment="staging")
    assert (config.name, config.main.name) == ("special", "staging.py")


def test_bindings_and_variables_are_not_inherited_and_a_note_says_so(load_toml):
    config = load_toml(FULL, environment="prod")
    assert config.bindings == ()
    assert config.variables == {"A": 3}
    assert '"services" exists at the top level, but not on "env.prod": environments do not inherit it' in config.notes
    assert (
        '"vars.C" exists at the top level, but not on "env.prod.vars": environments do not inherit it' in config.notes
    )
    assert '"vars" exists at the top level' not in "\n".join(config.notes)


def test_assets_are_inherited(load_toml):
    assets = load_toml(FULL, environment="prod").assets
    assert assets is not None
    assert (assets.binding, assets.directory.name) == ("ASSETS", "public")


def test_settings_are_inherited_one_by_one(load_toml):
    settings = load_toml(FULL, environment="prod").settings
    assert (settings.lease, settings.retries) == (5.0, 7)


def test_an_unknown_environment_lists_those_there_are(load_toml):
    with pytest.raises(ConfigurationError, match=r"no environment 'dev'; there are: prod, staging\. Choose one"):
        load_toml(FULL, environment="dev")
    with pytest.raises(ConfigurationError, match=r"no environment 'dev'; there are: none\."):
        load_toml(environment="dev")


def test_mistakes_in_an_environment_name_it(load_toml):
    with pytest.raises(ConfigurationError, match=r"env\.prod\.services\[0\]: \"env\.prod\.services\[0\]\" bindings"):
        load_toml("[env.prod]\nservices = [{}]", environment="prod")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("env = 1", "env: should be a table"),
        ("env = { prod = 1 }", r"env\.prod: should be a table"),
        ("[env.prod]\ncallyard = 1", r"env\.prod\.callyard: should be a table"),
        ("[env.prod]\nname = 1", "name: should be a string"),
    ],
)
def test_an_environment_of_the_wrong_shape_is_refused(load_toml, text, problem):
    with pytest.raises(ConfigurationError, match=problem):
        load_toml(text, environment="prod")


def test_the_name_of_an_environment_is_never_a_path(load_toml):
    with pytest.raises(ConfigurationError, match="the name of an environment should be 1 to 63 letters"):
        load_toml('[env."../x"]\nname = "a"', environment="../x")


def test_keys_of_an_environment_get_notes_of_their_own(load_toml):
    notes = load_toml("[env.prod]\nservces = []\nmigrations = []\nr2_buckets = []", environment="prod").notes
    assert notes == (
        "env.prod.migrations: belongs at the top level: ignored",
        'env.prod.servces: unknown key: ignored. Did you mean "services"?',
        "env.prod.r2_buckets: not supported yet: ignored",
    )

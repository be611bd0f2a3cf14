import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import plan


def test_secrets_come_from_dev_vars(load_toml, folder):
    (folder / ".dev.vars").write_text(
        "# a comment\nPLAIN=a b # tail\nexport QUOTED=\"x\\ny\"\n\nSINGLE='$PLAIN #'\nEMPTY=\n"
    )
    assert load_toml().secrets == {"PLAIN": "a b", "QUOTED": "x\ny", "SINGLE": "$PLAIN #", "EMPTY": ""}


def test_dev_vars_of_the_environment_replaces_the_common_one(load_toml, folder):
    (folder / ".dev.vars").write_text("KEY=common\nOTHER=1\n")
    assert load_toml("[env.prod]\n", environment="prod").secrets == {"KEY": "common", "OTHER": "1"}
    (folder / ".dev.vars.prod").write_text("KEY=own\n")
    assert load_toml("[env.prod]\n", environment="prod").secrets == {"KEY": "own"}
    assert load_toml("[env.prod]\n").secrets == {"KEY": "common", "OTHER": "1"}


@pytest.mark.parametrize("text", ['secrets = { required = ["API_KEY"] }', '[secrets]\nrequired = ["API_KEY"]'])
def test_only_declared_secrets_are_taken_from_the_process_environment(load_toml, text):
    config = load_toml(text, process_environment={"API_KEY": "k", "HOME": "/root"})
    assert config.secrets == {"API_KEY": "k"}


def test_the_process_environment_goes_before_dev_vars(load_toml, folder):
    (folder / ".dev.vars").write_text("KEY=file\n")
    assert load_toml(process_environment={"KEY": "process"}).secrets == {"KEY": "process"}


def test_a_required_secret_without_a_value_is_a_mistake(load_toml):
    with pytest.raises(ConfigurationError) as caught:
        load_toml('secrets = { required = ["API_KEY"] }')
    assert 'secrets.required: no value for the secret "API_KEY". Write API_KEY=… into .dev.vars or set' in str(
        caught.value
    )


def test_required_secrets_are_not_inherited(load_toml):
    config = load_toml('secrets = { required = ["API_KEY"] }\n[env.prod]\n', environment="prod")
    assert config.secrets == {}


@pytest.mark.parametrize("value", ["1", '{ required = "KEY" }', "{ required = [1] }", '{ required = [""] }'])
def test_a_wrong_secrets_table_is_refused(load_toml, value):
    with pytest.raises(ConfigurationError, match="secrets: should be a table with a list of names"):
        load_toml(f"secrets = {value}")


def test_a_secret_replaces_the_variable_of_its_name(load_toml, folder):
    (folder / ".dev.vars").write_text("KEY=secret\n")
    config = load_toml('vars = { KEY = "public" }')
    assert (config.variables, config.secrets) == ({}, {"KEY": "secret"})


def test_a_variable_of_the_command_line_replaces_a_secret_and_is_one(load_toml, folder):
    (folder / ".dev.vars").write_text("KEY=secret\n")
    config = load_toml('secrets = { required = ["KEY", "MORE"] }', variables={"KEY": "v", "MORE": "m"})
    assert (config.variables, config.secrets) == ({}, {"KEY": "v", "MORE": "m"})


def test_a_line_that_is_no_secret_is_named_by_its_number_only(load_toml, folder):
    (folder / ".dev.vars").write_text("A=1\n\nhush\n'broken=hush\n")
    with pytest.raises(ConfigurationError) as caught:
        load_toml()
    first, second = str(caught.value).splitlines()
    assert first == f"{folder / '.dev.vars'}:3: not a secret. Write KEY=value."
    assert second.startswith(f"{folder / '.dev.vars'}:4: ")
    assert "hush" not in str(caught.value)


def test_dev_vars_that_is_not_utf_8_is_refused(load_toml, folder):
    (folder / ".dev.vars").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigurationError, match=r"\.dev\.vars: byte 2 is not UTF-8"):
        load_toml()


def test_secrets_are_shown_nowhere(load_toml, folder):
    (folder / ".dev.vars").write_text("KEY=hush\n")
    config = load_toml()
    assert "hush" not in repr(config) + str(config)
    assert "  secret KEY = ***" in plan(config)
    assert "hush" not in "\n".join(plan(config))


def test_the_plan_says_what_would_start(load_toml, folder):
    config = load_toml("""
        servces = []
        services = [
            { binding = "B", service = "b" },
            { binding = "ADMIN", service = "todo-app", entrypoint = "AdminEntrypoint", props = { role = "x" } },
        ]
        [vars]
        GREETING = "Hello"
        [callyard]
        lease = "250ms"
        max_message_bytes = "4MiB"
        [env.prod]
    """)
    assert plan(config) == [
        "service worker_b",
        f"  file {folder / 'wrangler.toml'}",
        f"  main {(folder / 'worker.py').resolve()}",
        "  binding B -> b",
        '  binding ADMIN -> todo-app#AdminEntrypoint props {"role": "x"}',
        '  var GREETING = "Hello"',
        "  setting lease = 250ms",
        "  setting max_message_bytes = 4MiB",
        '  note servces: unknown key: ignored. Did you mean "services"?',
        "  note env: no environment chosen, so the top level holds; there are: prod",
    ]

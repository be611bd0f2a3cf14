"""`d1_databases`: what is taken, what is refused, and what is shown."""

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import load, plan

DATABASE = '[[d1_databases]]\nbinding = "DB"\ndatabase_name = "shop"\ndatabase_id = "4f0c"\n'


def mistake(load_toml, text):
    with pytest.raises(ConfigurationError) as refused:
        load_toml(text)
    return str(refused.value)


def test_database_is_a_file_beside_the_configuration(load_toml, folder):
    config = load_toml(DATABASE)

    (database,) = config.databases
    assert config.database_file(database) == folder / ".callyard" / "d1" / "4f0c.sqlite"
    assert (database.migrations_table, database.pattern) == ("d1_migrations", "migrations/*.sql")
    assert config.notes == ()
    assert f"  database DB -> {folder}/.callyard/d1/4f0c.sqlite migrations migrations/*.sql" in plan(config)


def test_jsonc_says_the_same(folder):
    (folder / "wrangler.jsonc").write_text(
        '{ "name": "a", "main": "worker.py", "d1_databases": [{ "binding": "DB", "database_id": "4f0c", }] }'
    )

    (database,) = load(folder, process_environment={}).databases

    assert database.key == "4f0c"


@pytest.mark.parametrize(
    "key", ["<unique-ID-for-your-database>", "../../etc/passwd", "..", "a/b", "ä", "x" * 256, "%2F"]
)
def test_no_id_leaves_the_folder_of_databases(load_toml, folder, key):
    config = load_toml(f'[[d1_databases]]\nbinding = "DB"\ndatabase_id = "{key}"\n')

    path = config.database_file(config.databases[0])
    assert path.parent == folder / ".callyard" / "d1"
    assert path.resolve() == path
    assert len(path.name) < 256


def test_database_without_an_id_is_known_by_its_name_with_a_note(load_toml):
    config = load_toml('[[d1_databases]]\nbinding = "DB"\ndatabase_name = "shop"\n')

    assert config.databases[0].key == "shop"
    assert config.notes == ("d1_databases[0].database_id: is missing: the database is known as 'shop'",)


def test_database_of_a_service_is_one_of_its_callees(load_toml):
    config = load_toml(f'{DATABASE}service = "db-service"\nmigrations_dir = "elsewhere"\n')

    assert [(b.service, b.entrypoint) for b in config.callees] == [("db-service", "D1Service")]
    assert "  database DB -> '4f0c' held by db-service#D1Service" in plan(config)
    assert config.notes == (
        "d1_databases[0].migrations_dir: belongs to the service db-service, which holds the database: ignored",
    )


def test_keys_without_effect_and_unknown_ones_get_a_note(load_toml):
    config = load_toml(f'{DATABASE}remote = true\npreview_database_id = "p"\nmigration_dir = "x"\n')

    assert config.notes == (
        'd1_databases[0].migration_dir: unknown key: ignored. Did you mean "migrations_dir"?',
        "d1_databases[0].remote: has no effect here: ignored",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("d1_databases = 7", 'd1_databases: The field "d1_databases" should be an array but got 7.'),
        ("d1_databases = [7]", '"d1_databases" bindings should be objects, but got 7.'),
        ('[[d1_databases]]\ndatabase_id = "x"', 'should have a string "binding" field but got {"database_id": "x"}.'),
        (f"{DATABASE}migrations_dir = 7", 'should have a string "migrations_dir" field'),
        (f'{DATABASE}migrations_dir = "nowhere"', 'd1_databases[0].migrations_dir: no folder "nowhere". Create '),
        (f'{DATABASE}migrations_pattern = "/etc/*.sql"', "migrations_pattern: is an absolute path"),
        (f'{DATABASE}migrations_table = "a b"', "d1_databases[0].migrations_table: String should match pattern"),
        (f'{DATABASE}entrypoint = "D1Service"', "entrypoint: is of no use without a service."),
        (f'{DATABASE}service = "no such"', "d1_databases[0].service: should be 1 to 63 letters"),
        ('[[d1_databases]]\nbinding = "not a name"', "should be a name that can stand behind env."),
        (f"{DATABASE}[vars]\nDB = 1", "DB: is the name of d1_databases[0] and of vars.DB."),
    ],
)
def test_mistakes_name_the_key_and_the_fix(load_toml, text, said):
    assert said in mistake(load_toml, text)


def test_environment_does_not_inherit_databases(load_toml):
    config = load_toml(f"{DATABASE}[env.prod]\n", environment="prod")

    assert config.databases == ()
    assert any('"d1_databases" exists at the top level, but not on "env.prod"' in note for note in config.notes)

import pytest

from broker.errors import ConfigurationError
from worker_runtime.config import load


def mistakes(load_toml, text, **options):
    with pytest.raises(ConfigurationError) as caught:
        load_toml(text, **options)
    return str(caught.value).splitlines()


@pytest.fixture
def load_json(folder):
    def load_text(text):
        (folder / "wrangler.json").write_text(text)
        return load(folder, process_environment={})

    return load_text


def test_all_mistakes_of_a_file_come_at_once_with_file_key_and_fix(load_json, folder):
    with pytest.raises(ConfigurationError) as caught:
        load_json('{"name": "a b", "services": [{}], "vars": 1, "callyard": {"lease": "soon"}}')
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{folder / 'wrangler.json'}: ") for line in lines)
    keys = [line.split(": ")[1] for line in lines]
    assert keys == ["callyard.lease", "name", "main", "services[0]", "services[0]", "vars"]


def test_a_single_mistake_is_also_told_in_attributes(load_json, folder):
    with pytest.raises(ConfigurationError) as caught:
        load_json('{"main": "worker.py"}')
    assert caught.value.file == str(folder / "wrangler.json")
    assert caught.value.key == "name"
    assert caught.value.fix == 'Write name = "my-service".'


@pytest.mark.parametrize("name", ["a", "worker_b", "Todo-App9", "x" * 63])
def test_service_names_are_letters_digits_dashes_and_underscores(load_json, name):
    assert load_json(f'{{"name": "{name}", "main": "worker.py"}}').name == name


@pytest.mark.parametrize("name", ['""', '"a.b"', '"{x}"', '"a\\n"', f'"{"x" * 64}"', "7", "null", '"é"'])
def test_other_service_names_are_refused(load_json, name):
    with pytest.raises(ConfigurationError, match=r"json: name: (should|is missing)"):
        load_json(f'{{"name": {name}, "main": "worker.py"}}')


def test_main_may_be_a_script_whose_python_file_stands_beside_it(load_json, folder):
    (folder / "worker.js").write_text("the original")
    assert load_json('{"name": "a", "main": "worker.js"}').main == (folder / "worker.py").resolve()


@pytest.mark.parametrize(
    ("main", "problem"),
    [
        ('"other.js"', 'no file "other.js", and no other.py beside it. Create '),
        ('"other.py"', 'no file "other.py". Create '),
        ('"main.go"', "should be a Python file"),
        ('"."', "should be a Python file"),
        ('""', "should be the path of a file"),
        ("1", "should be the path of a file"),
        ("null", "is missing"),
    ],
)
def test_a_main_that_is_no_python_file_is_refused(load_json, main, problem):
    with pytest.raises(ConfigurationError) as caught:
        load_json(f'{{"name": "a", "main": {main}}}')
    assert f"json: main: {problem}" in str(caught.value)


@pytest.mark.parametrize("file", ["src/entry.py", "src/index.py", "entry.py", "index.py"])
def test_without_main_a_service_is_in_the_file_of_a_conventional_name(load_json, folder, file):
    (folder / "src").mkdir()
    (folder / file).write_text("")

    assert load_json('{"name": "a"}').main == (folder / file).resolve()


def test_without_main_two_files_of_conventional_names_are_one_too_many(load_json, folder):
    for file in ("entry.py", "index.py"):
        (folder / file).write_text("")

    with pytest.raises(ConfigurationError, match=r"main: is missing, and there are entry\.py and index\.py\. Write"):
        load_json('{"name": "a"}')


def test_bindings_name_service_entrypoint_and_props(load_toml):
    first, second, third = load_toml("""
        services = [
            { binding = "WORKER_B", service = "worker_b" },
            { binding = "ADMIN", service = "todo-app", entrypoint = "AdminEntrypoint", props = { role = ["x", 1] } },
            { binding = "D", service = "todo-app", entrypoint = "default" },
        ]""").bindings
    assert (first.binding, first.service, first.entrypoint, first.props) == ("WORKER_B", "worker_b", "Default", {})
    assert (second.entrypoint, second.props) == ("AdminEntrypoint", {"role": ["x", 1]})
    assert third.entrypoint == "Default"


def test_a_service_may_be_bound_to_itself(load_toml):
    assert load_toml('services = [{ binding = "ME", service = "worker_b" }]').bindings[0].service == "worker_b"


def test_the_deprecated_environment_of_a_binding_becomes_part_of_the_service(load_toml):
    config = load_toml('services = [{ binding = "B", service = "b", environment = "prod", remote = true }]')
    assert config.bindings[0].service == "b-prod"
    assert 'services[0].environment: deprecated; write service = "b-prod" instead' in config.notes
    assert "services[0].remote: has no effect here: ignored" in config.notes


@pytest.mark.parametrize(
    ("services", "problem"),
    [
        ('{ binding = "B" }', 'The field "services" should be an array but got {"binding": "B"}.'),
        ('["B"]', '"services" bindings should be objects, but got "B".'),
        (
            '[{ service = "b" }]',
            '"services[0]" bindings should have a string "binding" field but got {"service": "b"}.',
        ),
        ('[{ binding = "B" }]', '"services[0]" bindings should have a string "service" field but got'),
        (
            '[{ binding = "B", service = "b", entrypoint = 1 }]',
            '"services[0]" bindings should have a string "entrypoint" field but got',
        ),
        (
            '[{ binding = "B", service = "b", environment = 1 }]',
            '"services[0]" bindings should have a string "environment" field but got',
        ),
        ('[{ binding = "B", service = "b", props = 1 }]', 'should have an object "props" field but got 1.'),
        (
            '[{ binding = "B", service = "b", props = { d = 1979-05-27 } }]',
            "services[0].props.d: should be a JSON value but got a date.",
        ),
        ('[{ binding = "B", service = "b c" }]', "services[0].service: should be 1 to 63 letters"),
        (
            '[{ binding = "B", service = "b", entrypoint = "_E" }]',
            "services[0].entrypoint: should be the name of a class",
        ),
        ('[{ binding = "B-C", service = "b" }]', "services[0].binding: should be a name that can stand behind env."),
    ],
)
def test_a_wrong_binding_is_explained_as_in_the_original_system(load_toml, services, problem):
    assert problem in mistakes(load_toml, f"services = {services}")[0]


def test_variables_arrive_verbatim(load_toml):
    variables = load_toml('[vars]\nGREETING = "Hello"\nLIMITS = { a = [1, 2.5, true] }\n').variables
    assert variables == {"GREETING": "Hello", "LIMITS": {"a": [1, 2.5, True]}}


def test_variables_that_json_cannot_say_are_refused(load_toml):
    lines = mistakes(load_toml, "[vars]\nDAY = 1979-05-27\nLIST = [1, nan]\n")
    assert "vars.DAY: should be a JSON value but got a date. Write it as text." in lines[0]
    assert "vars.LIST[1]: should be a JSON value but got nan." in lines[1]


def test_variables_of_the_command_line_replace_those_of_the_file(load_toml):
    config = load_toml('vars = { A = "a", B = "b" }', variables={"B": "c", "N": "1"})
    assert config.variables == {"A": "a", "B": "c", "N": "1"}


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('services = [{binding="X", service="a"}, {binding="X", service="b"}]', "services[0] and of services[1]"),
        ('vars = { X = 1 }\nservices = [{binding="X", service="a"}]', "services[0] and of vars.X"),
        ('d1_databases = [{binding="X"}]\nassets = {directory="public", binding="X"}', "assets and of d1_databases[0]"),
        (
            'queues = {producers=[{binding="X", queue="q"}]}\nkv_namespaces = [{binding="X", id="k"}]',
            "kv_namespaces[0] and of queues.producers[0]",
        ),
        (
            'durable_objects = {bindings=[{name="X"}]}\nwasm_modules = {X="x"}',
            "durable_objects.bindings[0] and of wasm_modules.X",
        ),
    ],
)
def test_names_on_env_are_unique_across_all_kinds(load_toml, text, places):
    (line,) = mistakes(load_toml, text)
    assert f": X: is the name of {places}. Bindings must have unique names, so that they can all be referenced" in line


def test_a_secret_may_not_hide_a_binding(load_toml, folder):
    (folder / ".dev.vars").write_text("X=hush\n")
    (line,) = mistakes(load_toml, 'services = [{binding="X", service="a"}]')
    assert "services[0] and of the secret X. Bindings must have unique names" in line
    assert "hush" not in line


def test_a_variable_of_the_command_line_may_not_hide_a_binding(load_toml):
    (line,) = mistakes(load_toml, 'services = [{binding="X", service="a"}]', variables={"X": "1"})
    assert "Bindings must have unique names" in line


def test_a_configuration_cannot_be_changed(load_toml):
    config = load_toml()
    with pytest.raises(ValueError, match="frozen"):
        config.name = "other"

import pytest


@pytest.mark.parametrize(
    "text",
    [
        'compatibility_date = "2026-01-01"',
        "observability = { enabled = true }",
        'account_id = "x"',
        "send_metrics = true",
    ],
)
def test_keys_that_say_nothing_about_behaviour_pass_in_silence(load_toml, text):
    assert load_toml(text).notes == ()


@pytest.mark.parametrize(
    "text",
    [
        'r2_buckets = [{ binding = "R2", bucket_name = "b" }]',
        'durable_objects = { bindings = [{ name = "DO", class_name = "C" }] }',
    ],
)
def test_bindings_that_come_later_are_accepted_with_a_note(load_toml, text):
    key = text.split(" ", 1)[0]
    assert load_toml(text).notes == (f"{key}: not supported yet: ignored",)


def test_keys_without_effect_are_accepted_with_a_note(load_toml):
    assert load_toml('routes = ["example.org/*"]').notes == ("routes: has no effect here: ignored",)


def test_an_unknown_key_gets_a_note_with_the_nearest_known_one(load_toml):
    assert load_toml("servces = []").notes == ('servces: unknown key: ignored. Did you mean "services"?',)
    assert load_toml("zzz = 1").notes == ("zzz: unknown key: ignored",)


def test_an_unknown_key_of_a_binding_gets_a_note(load_toml):
    notes = load_toml('services = [{ binding = "B", service = "b", entrypont = "E" }]').notes
    assert notes == ('services[0].entrypont: unknown key: ignored. Did you mean "entrypoint"?',)

"""Names, keys and call IDs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.keys import ServiceKeys
from broker.names import InvalidName, call_id, check_entrypoint, check_service, split_call_id


@pytest.mark.parametrize("name", ["worker_b", "todo-app", "a", "A1-_"])
def test_names_of_the_kind_that_configurations_have_are_taken(name):
    assert check_service(name) == name


@pytest.mark.parametrize("name", ["", "a:b", "{a}", "a b", "-a", "ä", "a\n", "a" * 129])
def test_a_service_name_that_would_change_a_key_is_refused(name):
    with pytest.raises(InvalidName, match="cannot name a service"):
        check_service(name)


@pytest.mark.parametrize("name", [None, "default", "Default"])
def test_no_entrypoint_and_default_are_the_default_entrypoint(name):
    assert check_entrypoint(name) == "Default"


@pytest.mark.parametrize("name", ["", "_Private", "a.b", "a-b", "a:b"])
def test_an_entrypoint_that_no_public_class_can_have_is_refused(name):
    with pytest.raises(InvalidName):
        check_entrypoint(name)


@given(st.text("abcdef0123456789", min_size=8, max_size=16), st.integers(1, 10**12))
def test_a_call_id_names_its_call_and_its_service(caller, sequence):
    assert split_call_id(call_id(caller, sequence, "todo-app")) == (f"{caller}.{sequence}", "todo-app")


@pytest.mark.parametrize("text", ["", "x", "a.b@c", "abc.1", "abc.1@{x}", "ABC.1@x"])
def test_what_is_no_call_id_is_looked_up_in_vain(text):
    with pytest.raises(LookupError):
        split_call_id(text)


def test_every_key_of_a_service_has_its_hash_tag_and_none_is_another():
    keys = ServiceKeys("callyard", "svc")
    names = [
        keys.calls("Default"), keys.producer("c", "Default"), keys.reply("c"), keys.result("c.1"), keys.tail("c.1"),
        keys.worker("w"), keys.dead, keys.meta, keys.control,
    ]  # fmt: skip

    assert all(name.startswith("callyard:{svc}:") for name in names)
    assert len(set(names)) == len(names)
